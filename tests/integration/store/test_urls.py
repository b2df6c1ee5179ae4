"""Database URLs as people write them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.support.ports import free_port
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import SettingsError
from tracking_service.store.database import database_url


@pytest.mark.parametrize(
    "text, driver, host, port, database",
    [
        ("postgresql://h/db", "postgresql+psycopg", "h", None, "db"),
        ("postgres://h/db", "postgresql+psycopg", "h", None, "db"),
        ("postgresql+psycopg://h:5433/db", "postgresql+psycopg", "h", 5433, "db"),
        ("postgresql://[::1]:5433/db", "postgresql+psycopg", "::1", 5433, "db"),
        ("postgresql:///db", "postgresql+psycopg", None, None, "db"),
        ("sqlite:///a.sqlite3", "sqlite", None, None, "a.sqlite3"),
        ("sqlite:////tmp/a.sqlite3", "sqlite", None, None, "/tmp/a.sqlite3"),
        ("sqlite:////tmp/postgresql://a,b", "sqlite", None, None, "/tmp/postgresql://a,b"),
    ],
)
def test_one_host_is_read(
    text: str, driver: str, host: str | None, port: int | None, database: str
) -> None:
    url = database_url(text)

    assert (driver, host, port, database) == (url.drivername, url.host, url.port, url.database)


@pytest.mark.parametrize(
    "text, hosts, ports",
    [
        ("postgresql://h1,h2/db", "h1,h2", "5432,5432"),
        ("postgres://h1:5433,h2,h3:5434/db", "h1,h2,h3", "5433,5432,5434"),
        ("postgresql://[::1]:5433,[fe80::1]/db", "::1,fe80::1", "5433,5432"),
        ("postgresql://user:word@h_1,10.0.0.1:6432/db", "h_1,10.0.0.1", "5432,6432"),
    ],
)
def test_several_hosts_reach_the_driver(text: str, hosts: str, ports: str) -> None:
    url = database_url(text)
    _, given = url.get_dialect()().create_connect_args(url)

    assert (hosts, ports, "db") == (given["host"], given["port"], given["dbname"])


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
    url = database_url(f"postgresql://user:{typed}@{hosts}/db")
    _, given = url.get_dialect()().create_connect_args(url)

    assert ("user", password) == (given["user"], given["password"])
    assert hosts.partition(":543")[0].split(",")[0].strip("[]") == given["host"].split(",")[0]


def test_every_option_of_libpq_may_be_given() -> None:
    url = database_url("postgresql://h/db?sslmode=verify-full&options=-c%20a%3Db&user=a%40b")

    assert {"sslmode": "verify-full", "options": "-c a=b", "user": "a@b"} == dict(url.query)


def test_the_query_and_the_credentials_are_kept() -> None:
    url = database_url("postgresql://us%40er:p%2Cw@h1,h2/db?target_session_attrs=read-write")

    assert ("us@er", "p,w") == (url.username, url.password)
    assert "read-write" == url.query["target_session_attrs"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("mysql://user:hunter2@db.internal/x", "must name sqlite or postgresql, not mysql"),
        ("postgresql+psycopg2://user:hunter2@db.internal/x", "must leave the driver out"),
        ("postgresql+asyncpg://user:hunter2@db.internal/x", "must leave the driver out"),
        ("sqlite+aiosqlite:///hunter2", "must leave the driver out"),
        ("nonsense://user:hunter2@db.internal/x", "must name sqlite or postgresql"),
        ("user:hunter2@db.internal", "is not a database URL"),
        ("hunter2", "is not a database URL"),
        ("", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:port/x", "is not a database URL"),
        ("postgresql+psycopg://user:hunter2@db.internal:99999999/x", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:0/x", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:99999,other:1/x", "is not a database URL"),
        ("postgresql://user:hunter2@h1:port,db.internal/x", "is not a database URL"),
        ("postgresql://user:hunter2@h1,,db.internal/x", "is not a database URL"),
        ("postgresql://user:hunter2@[::1/x", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:5_432/x", "is not a database URL"),
        ("postgresql://user:hunter2@db.internal:٥٤٣٢/x", "is not a database URL"),
        ("postgresql://db.internal/x?host=h1,h2&port=1,2,hunter2", "is not a database URL"),
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
        ("postgresql:user:hunter2@db.internal/x", "write @ as %40"),
        # Options that libpq does not know, though perhaps the driver or SQLAlchemy.
        ("postgresql://db.internal/x?hunter2=1", "number 1 of 1 after the question mark"),
        ("postgresql://db.internal/x?password=a&hunter2=1", "number 2 of 2"),
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
