"""What a lease does when the connection, the server or a commit's answer is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from sqlalchemy import event

from tests.support.commands import migrate
from tests.support.postgres import PostgresServer
from tests.support.proxy import Loss, Proxy
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import StoreError, StoreUnavailableError
from tracking_service.store.database import Use

SERIES = "small"


def end_sessions(stores: Stores) -> int:
    """End every session on this database but the one that asks; return how many there were."""
    with psycopg.connect(stores.text, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    ended: int = row[0]
    return ended


def test_a_connection_that_was_lost_between_leases_is_replaced(postgres: Stores) -> None:
    store = postgres.store()
    first = store.lease(SERIES, 1).block
    ended = end_sessions(postgres)
    second = store.lease(SERIES, 1).block
    record = postgres.series.find(SERIES)

    assert 1 <= ended
    assert [Block(0, 10), Block(10, 20)] == [first, second]
    assert 20 == record.next_serial


def test_a_connection_that_is_lost_in_a_lease_leases_nothing(postgres: Stores) -> None:
    store = postgres.store()
    store.lease(SERIES, 1)

    def end(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO block"):
            end_sessions(postgres)

    event.listen(postgres.leases, "before_cursor_execute", end)
    with pytest.raises(StoreUnavailableError):
        store.lease(SERIES, 1)
    event.remove(postgres.leases, "before_cursor_execute", end)

    assert [(0, 10, "leased")] == postgres.states(SERIES)
    assert Block(10, 20) == store.lease(SERIES, 1).block


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_lease_whose_commit_is_not_answered_gives_no_block(postgres: Stores, lost: Loss) -> None:
    parts = urlsplit(postgres.text)
    with Proxy(parts.port or 5432) as proxy:
        here = f"{parts.username}@127.0.0.1:{proxy.port}"
        with Stores(urlunsplit(parts._replace(netloc=here))) as through:
            store = through.store()
            before = store.lease(SERIES, 1).block
            # Its whole message: every BEGIN speaks of READ COMMITTED.
            proxy.lose(b"COMMIT\0", lost)
            with pytest.raises(StoreUnavailableError):
                store.lease(SERIES, 1)
            doubtful = postgres.states(SERIES)[1:]
            after = store.lease(SERIES, 1).block
            given_back = store.hand_back(SERIES, [after])

        assert 1 == proxy.losses

    # With only the answer lost the block is taken, and nobody knows of it; else it was never.
    at = 20 if lost == "answer" else 10
    assert ([(10, 20, "leased")] if lost == "answer" else []) == doubtful
    assert [Block(0, 10), Block(at, at + 10)] == [before, after]
    assert 10 == given_back
    assert [(0, 10, "spent"), *doubtful, (at, at + 10, "returned")] == postgres.states(SERIES)


def test_a_lease_whose_commit_fails_after_all_was_written_gives_no_block(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.store()
    before = store.lease(SERIES, 1).block
    dialect = stores.leases.dialect
    commit: Callable[[Any], None] = dialect.do_commit

    def commit_and_fail(connection: Any) -> None:
        commit(connection)
        if dialect.name == "sqlite":
            raise sqlite3.OperationalError("disk I/O error")
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", commit_and_fail)
        with pytest.raises(StoreUnavailableError):
            store.lease(SERIES, 1)
    after = store.lease(SERIES, 1).block
    # The owner has never heard of the doubtful block, and so cannot claim to have spent it.
    store.hand_back(SERIES, [Block(5, 10), after])

    assert [Block(0, 10), Block(20, 30)] == [before, after]
    assert [
        (0, 5, "spent"),
        (5, 10, "returned"),
        (10, 20, "leased"),
        (20, 30, "returned"),
    ] == stores.states(SERIES)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that may be frozen."""
    with PostgresServer.create() as server:
        yield server


@pytest.fixture
def own(own_server: PostgresServer) -> Iterator[Stores]:
    """A database on it, with a time-out of a second."""
    name = own_server.create_database()
    migrate(own_server.url(name))
    with Stores(own_server.url(name), timeout_seconds=1.0) as opened:
        opened.create(SERIES)
        yield opened
        own_server.resume()


# Seconds: a pooled connection is found dead, then a new one is tried, for two seconds at least.
BOUND = 6.0


@pytest.mark.parametrize("what", ["lease", "ping", "find", "holding"])
def test_a_frozen_server_is_given_up_in_time(
    own: Stores, own_server: PostgresServer, what: str
) -> None:
    store = own.store()
    store.lease(SERIES, 1)
    asks: dict[str, Callable[[], object]] = {
        "lease": lambda: store.lease(SERIES, 1),
        "ping": store.ping,
        "find": lambda: own.series.find(SERIES),
        "holding": lambda: own.blocks.holding(SERIES, 3),
    }
    own_server.pause()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        asks[what]()
    took = time.monotonic() - began
    own_server.resume()

    assert took < BOUND
    assert Block(10, 20) == store.lease(SERIES, 1).block


def test_a_server_that_freezes_before_the_commit_leaves_the_outcome_unknown(
    own: Stores, own_server: PostgresServer
) -> None:

    store = own.store()
    store.lease(SERIES, 1)

    def freeze(*_: Any) -> None:
        own_server.pause()

    event.listen(own.leases, "commit", freeze)
    began = time.monotonic()
    with pytest.raises(StoreError):
        store.lease(SERIES, 1)
    took = time.monotonic() - began
    event.remove(own.leases, "commit", freeze)
    own_server.resume()
    after = store.lease(SERIES, 1).block

    assert took < BOUND
    # Whether the server took the commit up after all or not: the block is not given again.
    others = [(start, end) for start, end, _ in own.states(SERIES)]
    assert 1 == others.count((after.start, after.end))
    assert Block(0, 10) != after


def test_a_connection_in_use_as_the_database_is_closed_is_closed_after_its_transaction(
    stores: Stores,
) -> None:
    stores.close()
    closed: list[object] = []
    event.listen(stores.leases, "close", lambda connection, _: closed.append(connection))
    with stores.database.transaction(Use.LEASE) as connection:
        used = connection.connection.dbapi_connection
        stores.close()
        before = list(closed)

    assert ([], [used]) == (before, closed)
    # And is missed by nobody.
    assert Block(0, 10) == stores.store().lease(SERIES, 1).block
