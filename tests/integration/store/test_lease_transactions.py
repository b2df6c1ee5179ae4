"""What a lease's transaction is made of, and what two of them do to one another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tests.support.stores import Stores
from tracking_service.allocation import Block, Lease
from tracking_service.errors import StoreUnavailableError
from tracking_service.store import leasing
from tracking_service.store.database import Use

SERIES = "small"

# What SQLAlchemy's pool opens at the most, by default.
CONNECTIONS_MOST = 15

# How long to watch that one who must wait does wait. Longer would only make the test slower.
WATCHED_SECONDS = 0.2


@contextmanager
def statements(stores: Stores) -> Iterator[list[str]]:
    """Every statement on the engine of the leases, and how each transaction ended."""
    seen: list[str] = []

    def executed(*arguments: Any) -> None:
        seen.append(" ".join(str(arguments[2]).split()))

    def committed(_: Connection) -> None:
        seen.append("COMMIT")

    def rolled_back(_: Connection) -> None:
        seen.append("ROLLBACK")

    listeners = {
        "after_cursor_execute": executed,
        "commit": committed,
        "rollback": rolled_back,
    }
    for name, listener in listeners.items():
        event.listen(stores.leases, name, listener)
    yield seen
    for name, listener in listeners.items():
        event.remove(stores.leases, name, listener)


def test_a_lease_is_one_update_and_one_insert(stores: Stores) -> None:
    store = stores.store()
    # The first one on a connection finds out what the server is.
    store.lease(SERIES, 1)
    with statements(stores) as seen:
        store.lease(SERIES, 1)

    kinds = [statement.split()[0] for statement in seen]
    if stores.leases.dialect.name == "sqlite":
        assert ["BEGIN", "UPDATE", "INSERT", "COMMIT"] == kinds
        assert "BEGIN IMMEDIATE" == seen[0]
    else:
        assert ["BEGIN", "UPDATE", "SELECT", "INSERT", "COMMIT"] == kinds
        assert "pg_walfile_name" in seen[2]
    (update,) = (statement for statement in seen if statement.startswith("UPDATE"))
    (insert,) = (statement for statement in seen if statement.startswith("INSERT"))
    assert update.startswith("UPDATE series SET next_serial=CASE")
    assert "RETURNING" in update
    assert insert.startswith("INSERT INTO block")


def test_a_lease_of_many_blocks_takes_no_more_statements_than_one(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    with statements(stores) as one:
        store.lease(SERIES, 1)
    with statements(stores) as many:
        store.lease(SERIES, 50)

    assert one == many


def lease(connection: Connection) -> Lease:
    """Lease a block in a transaction that is the test's own."""
    leased = leasing.lease(connection, SERIES, 1, fingerprint=None, instance="host:1:aaaa")
    assert leased is not None
    return leased


def test_of_two_overlapping_leases_one_waits_and_both_differ(stores: Stores) -> None:
    order: list[str] = []
    given: list[Block] = []
    second_begins = threading.Event()

    def second() -> None:
        with Stores(stores.text) as other:
            event.listen(other.leases, "begin", lambda _: second_begins.set())
            given.append(other.store("host:2:bbbb").lease(SERIES, 1).block)
            order.append("second")

    thread = threading.Thread(target=second)
    with stores.database.transaction(Use.LEASE, write=True) as connection:
        first = lease(connection)
        thread.start()
        assert second_begins.wait(10)
        thread.join(WATCHED_SECONDS)
        waited = thread.is_alive()
        order.append("first")
    thread.join(10)

    assert waited
    assert ["first", "second"] == order
    assert [Block(0, 10), Block(10, 20)] == [first.block, *given]


def test_a_lease_waits_for_another_no_longer_than_its_time_out(stores: Stores) -> None:
    with (
        stores.database.transaction(Use.LEASE, write=True) as connection,
        Stores(stores.text, timeout_seconds=1.0) as other,
    ):
        lease(connection)

        with pytest.raises(StoreUnavailableError, match="locked|timeout"):
            other.store("host:2:bbbb").lease(SERIES, 1)

    assert [(0, 10, "leased")] == stores.states(SERIES)


def naive_lease(one: sqlite3.Connection, two: sqlite3.Connection) -> list[int]:
    """Two leases that read the counter, then move it, each in what looks like a transaction."""
    starts: list[int] = []
    with one, two:
        for connection in (one, two):
            row = connection.execute("SELECT next_serial FROM series WHERE name = 'small'")
            starts.append(row.fetchone()[0])
        for connection, start in zip((one, two), starts, strict=True):
            connection.execute(
                "UPDATE series SET next_serial = ? WHERE name = 'small'", [start + 10]
            )
            connection.commit()
    return starts


def test_select_then_update_with_the_drivers_own_transactions_leases_twice(
    sqlite: Stores,
) -> None:
    """The driver begins before the first write alone: the reads before it are in no transaction."""
    path = str(sqlite.url.database)
    one, two = sqlite3.connect(path), sqlite3.connect(path)
    try:
        naive = naive_lease(one, two)
    finally:
        one.close()
        two.close()

    # No error, and one block for both.
    assert [0, 0] == naive

    ours = [sqlite.store(instance).lease(SERIES, 1).block for instance in ("a:1:a", "b:2:b")]

    assert [Block(10, 20), Block(20, 30)] == ours


def test_sqlite_writes_ahead_and_syncs_every_lease(sqlite: Stores, tmp_path: Path) -> None:
    facts: dict[str, Any] = {}

    def ask(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO block"):
            for pragma in ("journal_mode", "synchronous", "foreign_keys"):
                row = arguments[1].connection.execute(f"PRAGMA {pragma}").fetchone()
                facts[pragma] = row[0]

    event.listen(sqlite.leases, "after_cursor_execute", ask)
    sqlite.store().lease(SERIES, 1)
    event.remove(sqlite.leases, "after_cursor_execute", ask)

    # 2 is FULL.
    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1} == facts
    assert (tmp_path / "tracking.sqlite3-wal").exists()


def test_a_lease_is_on_disk_whatever_the_database_says(postgres: Stores) -> None:
    database = postgres.url.database
    postgres.change(f'ALTER DATABASE "{database}" SET synchronous_commit = off')
    shown: list[str] = []

    def ask(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO block"):
            with arguments[1].connection.cursor() as cursor:
                shown.append(cursor.execute("SHOW synchronous_commit").fetchone()[0])

    # New sessions, which begin with the database's default.
    with Stores(postgres.text) as fresh:
        event.listen(fresh.leases, "after_cursor_execute", ask)
        fresh.store().lease(SERIES, 1)
        after = fresh.rows("SHOW synchronous_commit")
        with fresh.database.transaction(Use.LEASE) as connection:
            left_behind = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
            timeouts = [
                connection.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("statement_timeout", "lock_timeout", "transaction_isolation")
            ]

    assert ["on"] == shown
    # Only a lease pays for it.
    assert [("off",)] == after
    assert "off" == left_behind
    assert ["5s", "5s", "read committed"] == timeouts


def test_requests_that_use_up_their_connections_stop_no_lease(stores: Stores) -> None:
    # The request waits as long, and the lease has to begin a connection in that time.
    with Stores(stores.text, timeout_seconds=3.0) as other, ExitStack() as held:
        for _ in range(CONNECTIONS_MOST):
            held.enter_context(other.database.transaction())

        with pytest.raises(StoreUnavailableError, match="in use"):
            other.blocks.by_id(1)
        assert Block(0, 10) == other.store().lease(SERIES, 1).block
