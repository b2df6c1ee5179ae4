"""Apps in this process, several of which may share a database; databases of the first version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import first_version
from tests.support.apps import MakeApp, opened_app
from tests.support.databases import DatabaseServer
from tests.support.first_version import FirstDatabase


@pytest.fixture
def make_app(database_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes instances that share a database."""
    with ExitStack() as made:
        yield lambda: made.enter_context(opened_app(database_url, tmp_path))


@pytest.fixture(params=["sqlite", "postgresql"])
def first_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FirstDatabase]:
    """A database as the first version left it."""
    dump, facts = first_version.dump(request.param), first_version.facts(request.param)
    if request.param == "sqlite":
        path = tmp_path / "first.sqlite3"
        connection = sqlite3.connect(path)
        connection.executescript(dump)
        connection.close()
        yield FirstDatabase(f"sqlite:///{path}", facts)
        return
    server: DatabaseServer = request.getfixturevalue("postgres_server")
    name = server.create_database()
    server.execute(dump, database=name)
    yield FirstDatabase(server.url(name), facts)
    server.drop_database(name)
