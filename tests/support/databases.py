"""A PostgreSQL server on which the tests make and drop databases, whoever started it."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

# Seconds; more than enough for a loaded machine, and an end to the wait for a frozen server.
CONNECT_SECONDS = 5


class DatabaseServer:
    """A server that is reached by a URL, with the right to create databases.

    `address` is a libpq URL; the database in it is the one to be connected to for creating others.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        # SQLAlchemy names the driver in the scheme; libpq does not know of drivers.
        self._parts = parts._replace(scheme="postgresql")
        self._home = parts.path.lstrip("/") or "postgres"
        # Two runs against one server must not meet.
        self._names = (f"tracking_test_{secrets.token_hex(4)}_{n}" for n in itertools.count(1))

    def url(self, database: str | None = None) -> str:
        """`postgresql://…` of a database; by default of the one that others are created from."""
        return urlunsplit(self._parts._replace(path=f"/{database or self._home}"))

    def execute(
        self,
        statement: LiteralString | sql.Composed,
        parameters: Sequence[Any] = (),
        *,
        database: str | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, outside a transaction; return its rows."""
        with psycopg.connect(
            self.url(database), autocommit=True, connect_timeout=CONNECT_SECONDS
        ) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a database, a copy of `template` where one is given; return its name.

        Nobody may be connected to the template meanwhile.
        """
        name = name or next(self._names)
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(statement)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database where it exists, and end the connections to it."""
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
