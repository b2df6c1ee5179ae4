"""Servers and databases of the fault tests: one of its own for each, since it will be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.support.commands import migrate
from tests.support.postgres import PostgresServer
from tracking_service.store.database import database_url

# Applications for processes of their own: imported here, some would break the service for all.
collect_ignore = ["apps", "broken"]

# A series with fewer blocks left than this is scarce, and is leased a block at a time.
SCARCE = 99_000


@pytest.fixture(scope="session")
def migrated_server() -> Iterator[PostgresServer]:
    """A stopped server, to be copied, whose database `tracking` has the schema at head."""
    with PostgresServer.create() as server:
        server.create_database("tracking")
        migrate(server.url("tracking"))
        server.stop()
        yield server


@pytest.fixture
def server(migrated_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server for this test alone, whose database `tracking` has the schema at head."""
    with migrated_server.copy() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Of a database of each kind in turn, for this test alone and at head."""
    if request.param == "sqlite":
        migrated: str = request.getfixturevalue("migrated_sqlite_url")
        return migrated
    server: PostgresServer = request.getfixturevalue("server")
    return server.url("tracking")


@pytest.fixture
def resize() -> Callable[[str, int], None]:
    """Makes the default series' blocks, in the database at a URL, smaller: a short test is to see
    several leases.
    """

    def change(url: str, block_size: int) -> None:
        execute(url, "UPDATE series SET block_size = :size", size=block_size)

    return change


@pytest.fixture
def shrink() -> Callable[[str, int], None]:
    """Makes the default series of the database at a URL small, with blocks of so many serials.

    A series that is scarce is leased a block at a time: many leases, where a series with plenty
    has a few large ones.
    """

    def change(url: str, block_size: int) -> None:
        serials = block_size * SCARCE
        execute(
            url,
            "UPDATE series SET block_size = :size, end_serial = :end, failover_skip = :skip",
            size=block_size,
            end=serials,
            skip=serials // 1000,
        )

    return change


def execute(url: str, statement: str, **parameters: int) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement), parameters)


@pytest.fixture
def set_block_size(
    server: PostgresServer, resize: Callable[[str, int], None]
) -> Callable[[int], None]:
    """As `resize`, for the database of `server`."""
    return lambda block_size: resize(server.url("tracking"), block_size)


@pytest.fixture
def make_scarce(
    server: PostgresServer, shrink: Callable[[str, int], None]
) -> Callable[[int], None]:
    """As `shrink`, for the database of `server`."""
    return lambda block_size: shrink(server.url("tracking"), block_size)
