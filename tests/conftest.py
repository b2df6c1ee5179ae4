"""Databases for the tests: SQLite files, and a real PostgreSQL that the tests start themselves.

TEST_DATABASE_URL points the PostgreSQL tests to another server, on which databases whose names
begin with `tracking_test_` are created and dropped. Tests that stop or freeze a server always
make one of their own. The schema comes from the migrations alone, run by the real command once
for each kind of database; each test then gets a copy.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from tests.support.commands import migrate
from tests.support.databases import DatabaseServer
from tests.support.postgres import PostgresServer

DATABASES = ["sqlite", "postgresql"]

ALONE = ("tests/faults/", "tests/simulation/")
"""Tests that load the machine with processes, or measure how fast they go on."""

LONG = tuple(
    f"tests/integration/{file}"
    for file in (
        "cli/test_minting.py",
        "cli/test_output.py",
        "cli/test_program.py",
        "cli/test_questions.py",
        "client/test_processes.py",
        "openapi/test_schemathesis.py",
        "security/test_fuzzed_requests.py",
        "security/test_secrets.py",
        "store/test_sqlite_files.py",
        "test_backups.py",
        "test_first_version.py",
        "test_instance_harness.py",
        "test_logs.py",
        "test_migrations.py",
        "test_refused_settings.py",
        "test_start.py",
        "test_successor_switch.py",
        "test_upgrade.py",
        "test_upgrade_failures.py",
    )
)
"""Files that take seven seconds of a processor or more, most of them for processes that they start.
`make check` leaves them out: the rest of integration takes as long as these do."""

SERVERS = frozenset({"postgres_server", "own_server", "guarded", "server"})
"""The fixtures that start a PostgreSQL server, or point to one."""

# A slow example says something of the machine, not of the code. Under CI the examples are the
# same each time, so that a red run is about the change that it judges.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True
)
hypothesis.settings.load_profile("tests")


def pytest_configure() -> None:
    """Let SIGTERM end the run as Ctrl-C does, so that fixtures end the servers they started."""
    tests = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() == tests:
            pytest.exit("ended by SIGTERM", returncode=128 + number)
        # A process that a test forked has no fixtures to end.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, which `make check` leaves out, and what has no test beside it."""
    for item in items:
        if item.nodeid.startswith(ALONE):
            item.add_marker("alone")
        if item.nodeid.startswith(LONG):
            item.add_marker("long")
        if isinstance(item, pytest.Function) and _needs_postgresql(item):
            item.add_marker("postgresql")


def _needs_postgresql(item: pytest.Function) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    # By a fixture that has a server, or by a parameter for one that asks for it when it runs.
    return not SERVERS.isdisjoint(item.fixturenames) or "postgresql" in parameters


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    """The server that tests share, each with databases of its own."""
    elsewhere = os.environ.get("TEST_DATABASE_URL")
    if elsewhere:
        yield DatabaseServer(elsewhere)
        return
    with PostgresServer.create() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: DatabaseServer) -> Iterator[str]:
    """The name of a PostgreSQL database at head, to be copied and never connected to."""
    name = postgres_server.create_database()
    try:
        migrate(postgres_server.url(name))
        yield name
    finally:
        postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_server: DatabaseServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, without a schema."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def migrated_postgres_url(postgres_server: DatabaseServer, migrated_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with the schema at head and nothing else."""
    name = postgres_server.create_database(template=migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file at head, to be copied and never opened."""
    path = tmp_path_factory.mktemp("migrated") / "tracking.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'tracking.sqlite3'}"


@pytest.fixture
def migrated_sqlite_url(sqlite_url: str, tmp_path: Path, migrated_file: Path) -> str:
    """The URL of an SQLite file with the schema at head and nothing else."""
    # With its -wal file, where SQLite has left one.
    for part in migrated_file.parent.glob(f"{migrated_file.name}*"):
        shutil.copy(part, tmp_path / part.name)
    return sqlite_url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, with the schema at head and nothing else."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    url: str = request.getfixturevalue(f"migrated_{kind}_url")
    return url


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, without a schema."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    url: str = request.getfixturevalue(f"{kind}_url")
    return url
