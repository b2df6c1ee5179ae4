"""Database URLs as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import URL

from tests.support.ports import free_port
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import SettingsError
from tracking_service.store.database import database_url


def given(url: URL) -> dict[str, Any]:
    """What the driver gets."""
    _, facts = url.get_dialect()().create_connect_args(url)
    return dict(facts)


@pytest.mark.parametrize(
    "text, database",
    [
        ("sqlite:///a.sqlite3", "a.sqlite3"),
        ("sqlite+pysqlite:///a.sqlite3", "a.sqlite3"),
        ("sqlite:////tmp/a.sqlite3", "/tmp/a.sqlite3"),
        ("sqlite:////tmp/a%20b #c", "/tmp/a b #c"),
        ("sqlite:////tmp/postgresql://a,b", "/tmp/postgresql://a,b"),
    ],
)
def test_an_sqlite_file_is_read(text: str, database: str) -> None:
    url = database_url(text)

    assert ("sqlite", database) == (url.drivername, url.database)


@pytest.mark.parametrize(
    "text, file", [("sqlite:///a.db", "/somewhere/a.db"), ("sqlite:////tmp/a.db", "/tmp/a.db")]
)
def test_a_relative_file_lies_under_the_folder(text: str, file: str) -> None:
    assert file == database_url(text, folder=Path("/somewhere")).database


@pytest.mark.parametrize(
    "text, hosts, ports",
    [
        ("postgresql://h/db", "h", "5432"),
        ("postgres://h/db", "h", "5432"),
        ("postgresql+psycopg://h:5433/db", "h", "5433"),
        ("postgresql://[::1]:5433/db", "::1", "5433"),
        ("postgresql://%2Fvar%2Frun/db", "/var/run", "5432"),
        ("postgresql://h1,h2/db", "h1,h2", "5432,5432"),
        ("postgres://h1:5433,h2,h3:5434/db", "h1,h2,h3", "5433,5432,5434"),
        ("postgresql://[::1]:5433,[fe80::1]/db", "::1,fe80::1", "5433,5432"),
        ("postgresql://user:word@h_1,10.0.0.1:6432/db", "h_1,10.0.0.1", "5432,6432"),
    ],
)
def test_hosts_reach_the_driver(text: str, hosts: str, ports: str) -> None:
    facts = given(database_url(text))

    assert (hosts, ports, "db") == (facts["host"], facts["port"], facts["dbname"])


def test_without_a_host_libpq_takes_its_own() -> None:
    facts = given(database_url("postgresql:///db"))

    assert not {"host", "port"} & set(facts)


@pytest.mark.parametrize(
    "password, typed",
    [
        ("p@w", "p%40w"),
        ("p/w?x#y", "p%2Fw%3Fx%23y"),
        ("p:w", "p:w"),
        ("1,w", "1,w"),
        ("p%w", "p%25w"),
        ("p+w=[x]", "p+w=[x]"),
    ],
)
@pytest.mark.parametrize("hosts", ["h1", "h1:5433", "h1,h2", "h1:5433,h2", "[::1]"])
def test_a_password_is_read_whole(password: str, typed: str, hosts: str) -> None:
    facts = given(database_url(f"postgresql://user:{typed}@{hosts}/db"))

    assert ("user", password) == (facts["user"], facts["password"])
    assert hosts.partition(":543")[0].split(",")[0].strip("[]") == facts["host"].split(",")[0]


def test_every_option_of_libpq_may_be_given() -> None:
    url = database_url("postgresql://h/db?sslmode=verify-full&options=-c%20a%3Db&user=a%40b")

    facts = given(url)
    assert ("verify-full", "-c a=b") == (facts["sslmode"], facts["options"])
    assert "a@b" == facts["user"]


def test_the_query_and_the_credentials_are_kept() -> None:
    url = database_url("postgresql://us%40er:p%2Cw@h1,h2/db?target_session_attrs=read-write")

    assert ("us@er", "p,w") == (url.username, url.password)
    assert "read-write" == url.query["target_session_attrs"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("mysql://user:hunter2@db.internal/x", "must begin with sqlite:/// or postgresql://"),
        ("postgresql+psycopg2://user:hunter2@db.internal/x", "must leave the driver out"),
        ("postgresql+asyncpg://user:hunter2@db.internal/x", "must leave the driver out"),
        ("sqlite+aiosqlite:///hunter2", "must leave the driver out"),
        ("nonsense://user:hunter2@db.internal/x", "must begin with"),
        ("user:hunter2@db.internal", "must begin with"),
        ("hunter2", "must begin with"),
        ("", "must begin with"),
        ("postgresql://user:hunter2@db.internal:port/x", "needs a port from 1 to 65535"),
        (
            "postgresql+psycopg://user:hunter2@db.internal:99999999/x",
            "needs a port from 1 to 65535",
        ),
        ("postgresql://user:hunter2@db.internal:0/x", "needs a port from 1 to 65535"),
        ("postgresql://user:hunter2@db.internal:99999,other:1/x", "needs a port from 1 to 65535"),
        ("postgresql://user:hunter2@h1:port,db.internal/x", "needs a port from 1 to 65535"),
        ("postgresql://user:hunter2@h1,,db.internal/x", "names no host between two commas"),
        ("postgresql://user:hunter2@[::1/x", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:5_432/x", "needs a port from 1 to 65535"),
        ("postgresql://user:hunter2@db.internal:٥٤٣٢/x", "needs a port from 1 to 65535"),
        ("postgresql://db.internal/x?host=h1,h2&port=1,2,hunter2", "needs a port from 1 to 65535"),
        # A password that is not escaped.
        ("postgresql://user:hun@ter2@db.internal/x", "write @ as %40"),
        ("postgres://user:hun@ter2@db.internal,other/x", "write @ as %40"),
        ("postgresql://us@er:hunter2@db.internal/x", "write @ as %40"),
        ("postgresql://user:hun/ter2@db.internal/x", "/ as %2F"),
        ("postgresql://user:1/hunter2@db.internal/x", "/ as %2F"),
        ("postgresql://user:1,2/hunter2@db.internal/x", "/ as %2F"),
        ("postgresql://hunter2/x@db.internal/x", "/ as %2F"),
        ("postgresql://user:hun?ter2@db.internal/x", r"\? as %3F"),
        ("postgresql://user:1?hunter2=a@db.internal/x", r"\? as %3F"),
        ("postgresql://user:hun#ter2@db.internal/x", "# as %23"),
        # Read as a password, 1/x?application_name=hunter2, at the host db.internal.
        ("postgresql://h:1/x?application_name=hunter2@db.internal", "write @ as %40"),
        ("postgresql:user:hunter2@db.internal/x", "must begin with"),
        # What libpq passes over without a word.
        ("postgresql://user:hunter2@db.internal/x?", "connection option without a value"),
        ("postgresql://user:hunter2@db.internal/x?sslmode=", "connection option without a value"),
        ("postgresql://user:hunter2@db.internal/x?sslmode", "connection option without a value"),
        ("postgresql://user:hunter2@db.internal/x?sslmode=a&", "connection option without a value"),
        ("postgresql://user:hunter2@db.internal /x", "a space as %20"),
        ("postgresql://user:hun ter2@db.internal/x", "a space as %20"),
        ("postgresql://user:hunter2@db.internal/x\n", "a space as %20"),
        ("postgresql://user:hunter2@db.internal/x#y", "# as %23"),
        ("postgresql://user:hun%ter2@db.internal/x", "write it as %25"),
        ("postgresql://user:hun%0Ater2@db.internal/x", "has a character that cannot be seen"),
        ("postgresql://user:hun%00ter2@db.internal/x", "is not a database URL"),
        ("sqlite:///hunter2%0A", "has a character that cannot be seen"),
        ("sqlite:///hunter2%00.db", "has a character that cannot be seen"),
        ("sqlite:///hunter2?", "must name a file"),
        # Options that libpq does not know, though perhaps the driver or SQLAlchemy.
        ("postgresql://db.internal/x?hunter2=1", "option that PostgreSQL does not know"),
        ("postgresql://db.internal/x?password=a&hunter2=1", "option that PostgreSQL does not know"),
        ("postgresql://h1,db.internal/x?hunter2=1&sslmode=a", "option that PostgreSQL does not"),
        ("postgresql://db.internal/x?autocommit=hunter2", "option that PostgreSQL does not know"),
        ("postgresql://db.internal/x?conninfo=hunter2", "option that PostgreSQL does not know"),
        ("postgresql://db.internal/x?plugin=hunter2", "option that PostgreSQL does not know"),
        ("postgresql://db.internal/x?sslmode=a&sslmode=hunter2", "gives a connection option twice"),
        # An embedded database that several threads and processes could not share, or that could
        # not be watched for being replaced.
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///%3Amemory%3A", "must name a file"),
        ("sqlite+pysqlite:///:memory:", "must name a file"),
        ("sqlite:///file:hunter2?mode=memory&uri=true", "must name a file"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "must name a file"),
        ("sqlite:///file:hunter2", "must name a file"),
        ("sqlite:///hunter2?timeout=1", "must name a file"),
        ("sqlite://hunter2.sqlite3", "must name a file"),
        ("sqlite://user:hunter2@db.internal/x", "must name a file"),
    ],
)
def test_what_is_no_url_of_ours_is_refused_without_repeating_it(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        database_url(text)

    told = str(caught.value)
    assert told.startswith("DATABASE_URL ")
    assert "ter2" not in told
    assert "db.internal" not in told
    # Nor in a traceback.
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_of_several_hosts_the_one_that_answers_is_used(migrated_postgres_url: str) -> None:
    parts = urlsplit(migrated_postgres_url)
    hosts = f"127.0.0.1:{free_port()},{parts.hostname}:{parts.port or 5432}"
    user, _, _ = parts.netloc.rpartition("@")
    netloc = f"{user}@{hosts}" if user else hosts
    url = f"postgresql://{netloc}{parts.path}?target_session_attrs=read-write"
    with Stores(url) as stores:
        stores.create("small")

        assert Block(0, 10) == stores.store().lease("small", 1).block
