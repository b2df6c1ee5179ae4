"""`flask db upgrade` that cannot succeed says why in one line, and changes nothing."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from tests.support.answers import fails
from tests.support.commands import flask
from tests.support.databases import DatabaseServer


@pytest.mark.parametrize("command", ["db upgrade", "serve", "blocks list"])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, command: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, and not a database at all.\n" * 100)
    line = fails(*command.split(), env={"DATABASE_URL": f"sqlite:///{path}"}).stderr

    assert "file is not a database; check DATABASE_URL" in line


@pytest.mark.parametrize("command", ["db upgrade", "serve", "blocks list"])
def test_a_folder_is_no_database(tmp_path: Path, command: str) -> None:
    line = fails(*command.split(), env={"DATABASE_URL": f"sqlite:///{tmp_path}"}).stderr

    assert "unable to open database file; check DATABASE_URL" in line


@pytest.fixture
def guest_url(postgres_server: DatabaseServer, postgres_url: str) -> Iterator[str]:
    """An empty database, for somebody who may look at it and make nothing."""
    parts = urlsplit(postgres_url)
    database = parts.path.lstrip("/")
    name, password = f"tracking_test_{secrets.token_hex(4)}", secrets.token_hex(8)
    guest = sql.Identifier(name)
    postgres_server.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(guest, sql.Literal(password))
    )
    postgres_server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=database)
    place = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{name}:{password}@{place}").geturl()
    postgres_server.execute(sql.SQL("DROP ROLE {}").format(guest))


def test_a_user_who_may_make_no_table_is_told(guest_url: str) -> None:
    line = fails("db", "upgrade", env={"DATABASE_URL": guest_url}).stderr

    assert "the database fails: permission denied for schema public; check DATABASE_URL" in line
    assert (urlsplit(guest_url).password or guest_url) not in line


def test_a_table_that_is_in_the_way_is_told(sqlite_url: str) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("CREATE TABLE number_space (id INTEGER)")
    line = fails("db", "upgrade", env={"DATABASE_URL": sqlite_url}).stderr

    assert "table number_space already exists" in line


def test_what_is_migrated_is_logged_line_by_line(sqlite_url: str) -> None:
    first = flask("db", "upgrade", env={"DATABASE_URL": sqlite_url})
    second = flask("db", "upgrade", env={"DATABASE_URL": sqlite_url})
    revisions = [line.rpartition("revision=")[2] for line in first.stderr.splitlines()]

    assert ["0001", "0002", "0003"] == revisions[:3]
    assert "" == second.stderr


def test_offline_sql_is_refused(sqlite_url: str) -> None:
    done = flask("db", "upgrade", "--sql", env={"DATABASE_URL": sqlite_url})

    assert 1 == done.returncode
    assert "" == done.stdout
    assert done.stderr.startswith("Error: offline SQL is not offered")
    assert 1 == done.stderr.count("\n")
