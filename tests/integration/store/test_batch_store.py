"""What is recorded for idempotency keys: one answer for each, whatever happens at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from tests.support.stores import Stores, waiting_for_a_lock
from tests.support.waiting import wait_until
from tracking_service.allocation import Block
from tracking_service.errors import BatchKeyReusedError
from tracking_service.records import RecordedBatch
from tracking_service.store.batches import BatchStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIRST = RecordedBatch((Block(0, 3),), NOW)
SECOND = RecordedBatch((Block(3, 5), Block(7, 8)), NOW)
SAME = "f"
"""The fingerprint of one request."""


@pytest.fixture
def batches(stores: Stores) -> BatchStore:
    return BatchStore(stores.database)


def record(
    batches: BatchStore, key: str, batch: RecordedBatch, *, keep: float = 60.0
) -> RecordedBatch:
    return batches.record(key, SAME, batch, keep_seconds=keep)


def expire(stores: Stores) -> None:
    stores.change("UPDATE batch SET expires_at = '2020-01-01 00:00:00+00'")


@contextmanager
def another(stores: Stores) -> Iterator[Connection]:
    """A transaction of another instance, committed at the end."""
    with stores.database.transaction(write=True) as connection:
        yield connection


def finish_while_open(stores: Stores, work: Future[RecordedBatch]) -> None:
    """Wait until `work` is done or waits for the other's transaction."""
    wait_until(
        lambda: work.done() or waiting_for_a_lock(stores), seconds=20, what="an end or a wait"
    )


OTHER = RecordedBatch((Block(0, 3),), NOW, "air-2")
"""Of a successor of the series that was asked for."""


def test_a_key_keeps_the_series_of_its_serials(stores: Stores, batches: BatchStore) -> None:
    assert OTHER == record(batches, "a", OTHER)
    assert OTHER == batches.find("a", SAME) == record(batches, "a", FIRST)
    assert [("air-2",)] == stores.rows("SELECT series FROM batch")
    with pytest.raises(BatchKeyReusedError):
        batches.find("a", "another request")

    expire(stores)
    assert FIRST == record(batches, "a", FIRST)
    assert [(None,)] == stores.rows("SELECT series FROM batch")


def test_the_version_before_takes_no_serials_for_those_of_another_series(
    stores: Stores, batches: BatchStore
) -> None:
    """It knows no `series`: it would write them as numbers of the series that was asked for."""
    record(batches, "a", OTHER)

    assert [(SAME,)] != stores.rows("SELECT fingerprint FROM batch")


def test_an_expired_row_that_the_version_before_replaced_is_of_the_series_asked_for(
    stores: Stores, batches: BatchStore
) -> None:
    """It leaves the column as it is."""
    record(batches, "a", OTHER)
    stores.change("UPDATE batch SET fingerprint = :same, ranges = '[[3, 5], [7, 8]]'", same=SAME)

    assert SECOND == batches.find("a", SAME)


def test_a_key_stands_for_its_first_batch(batches: BatchStore) -> None:
    assert batches.find("a", SAME) is None
    assert FIRST == record(batches, "a", FIRST)
    assert FIRST == record(batches, "a", SECOND)
    assert FIRST == batches.find("a", SAME)
    assert SECOND == record(batches, "b", SECOND)
    assert SECOND == batches.find("b", SAME)


def test_a_key_belongs_to_one_request(batches: BatchStore) -> None:
    record(batches, "a", FIRST)

    with pytest.raises(BatchKeyReusedError):
        batches.find("a", "another")
    with pytest.raises(BatchKeyReusedError):
        batches.record("a", "another", SECOND, keep_seconds=60)


def test_a_key_that_has_expired_stands_for_nothing(stores: Stores, batches: BatchStore) -> None:
    record(batches, "a", FIRST)
    expire(stores)

    assert batches.find("a", SAME) is None
    assert SECOND == record(batches, "a", SECOND)
    assert SECOND == batches.find("a", SAME)


def test_a_key_is_kept_by_the_clock_of_the_database(stores: Stores, batches: BatchStore) -> None:
    """`issued_at` is the host's time, and nothing is compared with it."""
    record(batches, "a", FIRST, keep=3600)
    sqlite = stores.url.get_backend_name() == "sqlite"
    left = (
        "(julianday(expires_at) - julianday('now')) * 86400"
        if sqlite
        else "extract(epoch FROM expires_at - clock_timestamp())"
    )
    ((seconds,),) = stores.rows(f"SELECT {left} FROM batch")

    assert 3500 < seconds <= 3600


def test_the_claim_of_an_earlier_version_holds_nobody_up(
    stores: Stores, batches: BatchStore
) -> None:
    stores.change(
        "INSERT INTO batch (key, fingerprint, token, expires_at)"
        " VALUES ('a', 'f', 'token', '2999-01-01 00:00:00+00')"
    )

    assert batches.find("a", SAME) is None
    assert FIRST == record(batches, "a", FIRST)
    # Which it finds out when it wants to record what it has issued.
    assert [("",)] == stores.rows("SELECT token FROM batch")


def test_what_another_records_at_this_moment_is_not_swept_away(postgres: Stores) -> None:
    """The sweep meets a row that had expired, and is recorded afresh before it gets its lock."""
    batches = BatchStore(postgres.database)
    record(batches, "a", SECOND)
    expire(postgres)
    with ThreadPoolExecutor() as pool:
        with another(postgres) as connection:
            connection.execute(
                text(
                    "UPDATE batch SET ranges = '[[0, 3]]', issued_at = :now,"
                    " expires_at = now() + interval '1 hour' WHERE key = 'a'"
                ),
                {"now": NOW},
            )
            sweeping = pool.submit(record, batches, "b", SECOND)
            finish_while_open(postgres, sweeping)
        assert SECOND == sweeping.result(20)

    assert FIRST == batches.find("a", SAME)


@pytest.mark.parametrize("expired", [True, False], ids=["an expired key", "a new key"])
def test_of_two_who_record_one_key_both_get_what_was_first(postgres: Stores, expired: bool) -> None:
    batches = BatchStore(postgres.database)
    if expired:
        record(batches, "a", SECOND)
    expire(postgres)
    with ThreadPoolExecutor() as pool:
        with another(postgres) as connection:
            connection.execute(
                text(
                    "INSERT INTO batch (key, fingerprint, token, ranges, issued_at, expires_at)"
                    " VALUES ('a', 'f', '', '[[0, 3]]', :now, now() + interval '1 hour')"
                    " ON CONFLICT (key) DO UPDATE SET ranges = excluded.ranges,"
                    " issued_at = excluded.issued_at, expires_at = excluded.expires_at"
                ),
                {"now": NOW},
            )
            late = pool.submit(record, batches, "a", SECOND)
            finish_while_open(postgres, late)
        assert FIRST == late.result(20)

    assert FIRST == batches.find("a", SAME)


def test_those_who_record_and_sweep_at_once_never_wait_for_one_another(postgres: Stores) -> None:
    """Each holds the row of its key and sweeps those of the others: not one deadlock."""
    batches = BatchStore(postgres.database)

    def again_and_again(first: int) -> int:
        for number in range(40):
            record(batches, f"key {(first + number) % 8}", FIRST, keep=0.001)
        return first

    with ThreadPoolExecutor(4) as pool:
        assert [0, 2, 4, 6] == list(pool.map(again_and_again, (0, 2, 4, 6)))
