"""The contract of a block store, held by each kind of database alike."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.support.stores import Stores, waiting_for_a_lock
from tests.support.waiting import wait_until
from tracking_service.allocation import Block
from tracking_service.errors import (
    ConflictError,
    KeyChangedError,
    SeriesExhaustedError,
    UnknownSeriesError,
)
from tracking_service.numbering import key_fingerprint
from tracking_service.store import leasing
from tracking_service.store.database import Use

SERIES = "small"


def test_leases_are_disjoint_ascending_and_numbered(stores: Stores) -> None:
    two = itertools.cycle([stores.store("host:1:aaaa"), stores.store("host:2:bbbb")])
    given = [next(two).lease(SERIES, 1) for _ in range(6)]

    assert [Block(start, start + 10) for start in range(0, 60, 10)] == [one.block for one in given]
    assert [1, 2, 3, 4, 5, 6] == [one.lease_number for one in given]
    assert all(one.fresh for one in given)
    assert [990, 980, 970, 960, 950, 940] == [one.remaining for one in given]


def test_a_lease_records_who_took_what_and_when(stores: Stores) -> None:
    before = datetime.now(UTC)
    lease = stores.store("host:7:cccc").lease(SERIES, 1)
    block = stores.blocks.by_id(lease.block_id)

    assert block is not None
    assert (SERIES, 0, 10, "leased") == (block.series, block.start, block.end, block.state)
    assert ("host:7:cccc", None, None) == (block.instance, block.released_at, block.spent_end)
    # The database runs on this host, and SQLite's clock counts milliseconds.
    assert timedelta(milliseconds=-1) <= block.leased_at - before <= timedelta(minutes=1)
    assert UTC is block.leased_at.tzinfo
    assert lease.block == Block(block.start, block.end)


def test_a_lease_of_several_blocks_is_one_row(stores: Stores) -> None:
    lease = stores.store().lease(SERIES, 7)

    assert Block(0, 70) == lease.block
    assert [(0, 70, "leased")] == stores.states(SERIES)


def test_a_tail_that_was_handed_back_is_leased_first(stores: Stores) -> None:
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    first.lease(SERIES, 1)
    second.lease(SERIES, 1)
    first.hand_back(SERIES, [Block(4, 10)])
    # However much is asked for, it is the tail that comes.
    tail = second.lease(SERIES, 3)
    fresh = second.lease(SERIES, 1)

    assert (Block(4, 10), 3, "host:1:aaaa") == (tail.block, tail.lease_number, tail.returned_by)
    assert (Block(20, 30), 4, None) == (fresh.block, fresh.lease_number, fresh.returned_by)
    assert [(0, 4, "spent"), (4, 10, "leased"), (10, 20, "leased"), (20, 30, "leased")] == (
        stores.states(SERIES)
    )


def test_the_lowest_tail_is_leased_first(stores: Stores) -> None:
    store = stores.store()
    for _ in range(3):
        store.lease(SERIES, 1)
    store.hand_back(SERIES, [Block(25, 30), Block(5, 10), Block(10, 20)])

    given = [store.lease(SERIES, 1).block for _ in range(4)]

    assert [Block(5, 10), Block(10, 20), Block(25, 30), Block(30, 40)] == given


def test_each_part_of_a_tail_tells_who_handed_it_back(stores: Stores) -> None:
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    first.lease(SERIES, 3)
    first.hand_back(SERIES, [Block(5, 30)])
    parts = [second.lease(SERIES, 1) for _ in range(3)]
    second.hand_back(SERIES, [Block(27, 30)])

    assert [Block(5, 15), Block(15, 25), Block(25, 30)] == [each.block for each in parts]
    assert {"host:1:aaaa"} == {each.returned_by for each in parts}
    assert "host:2:bbbb" == first.lease(SERIES, 1).returned_by


def test_a_tail_that_is_leased_again_is_its_new_holders(stores: Stores) -> None:
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    first.lease(SERIES, 1)
    first.hand_back(SERIES, [Block(4, 10)])
    block = stores.blocks.by_id(second.lease(SERIES, 1).block_id)

    assert block is not None
    assert ("host:2:bbbb", "leased", None) == (block.instance, block.state, block.released_at)


def test_the_rest_of_a_nearly_exhausted_series_is_one_shorter_block(stores: Stores) -> None:
    stores.create("scarce", serials=25, number_space="scarce")
    store = stores.store()
    given = [store.lease("scarce", 2), store.lease("scarce", 2)]

    assert [Block(0, 20), Block(20, 25)] == [one.block for one in given]
    assert [5, 0] == [one.remaining for one in given]
    assert [1, 2] == [one.lease_number for one in given]


def test_an_exhausted_series_gives_nothing_and_records_nothing(stores: Stores) -> None:
    stores.create("scarce", serials=10, number_space="scarce")
    store = stores.store()
    store.lease("scarce", 1)
    for _ in range(2):
        with pytest.raises(SeriesExhaustedError, match="series exhausted: scarce"):
            store.lease("scarce", 1)

    assert [(0, 10, "leased")] == stores.states("scarce")

    store.hand_back("scarce", [Block(8, 10)])

    assert Block(8, 10) == store.lease("scarce", 1).block


def test_a_series_that_there_is_not_is_unknown(stores: Stores) -> None:
    store = stores.store()
    with pytest.raises(UnknownSeriesError, match="'nothing'"):
        store.lease("nothing", 1)
    with pytest.raises(UnknownSeriesError, match="'nothing'"):
        store.skip_to("nothing", by=1)

    assert 0 == store.hand_back("nothing", [Block(0, 1)])


def test_one_series_does_not_move_another(stores: Stores) -> None:
    stores.create("other", number_space="other")
    store = stores.store()
    given = [store.lease(name, 1).block.start for name in (SERIES, "other", SERIES, "other")]

    assert [0, 0, 10, 10] == given


class Undone(Exception):
    """Rolls a transaction back."""


def test_a_lease_that_is_rolled_back_was_never_handed_out(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    with suppress(Undone), stores.database.transaction(Use.LEASE, write=True) as connection:
        undone = leasing.lease(
            connection,
            SERIES,
            1,
            fingerprint=None,
            instance="host:2:bbbb",
        )
        raise Undone

    assert undone is not None
    assert Block(10, 20) == undone.block
    # What was handed out stays leased; what never left its transaction comes once.
    assert [(0, 10, "leased")] == stores.states(SERIES)
    assert Block(10, 20) == store.lease(SERIES, 1).block


def test_a_callers_rollback_does_not_un_lease(stores: Stores) -> None:
    with suppress(Undone), stores.database.transaction() as caller:
        caller.execute(text("SELECT count(*) FROM block"))
        given = stores.store().lease(SERIES, 1).block
        raise Undone

    assert [(given.start, given.end, "leased")] == stores.states(SERIES)


def test_the_database_refuses_a_second_block_with_the_same_start(stores: Stores) -> None:
    stores.store().lease(SERIES, 1)
    repeat = (
        'INSERT INTO block (series_id, start, "end", state, instance, leased_at)'
        ' SELECT series_id, start, "end", state, instance, leased_at FROM block'
    )

    with pytest.raises(ConflictError):
        stores.change(repeat)
    assert [(0, 10, "leased")] == stores.states(SERIES)


def test_a_counter_that_was_turned_back_leases_nothing_twice(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    stores.change("UPDATE series SET next_serial = 0 WHERE name = 'small'")

    with pytest.raises(ConflictError, match="(?i)unique"):
        store.lease(SERIES, 1)
    assert [(0, 10, "leased")] == stores.states(SERIES)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE series SET next_serial = end_serial + 1",
        "UPDATE series SET next_serial = first_serial - 1",
        "UPDATE series SET block_size = 0",
        'UPDATE block SET "end" = start',
        "UPDATE block SET state = 'lost'",
    ],
)
def test_the_database_refuses_what_makes_no_sense(stores: Stores, change: str) -> None:
    stores.store().lease(SERIES, 1)

    with pytest.raises(ConflictError):
        stores.change(change)


def test_serials_are_not_leased_to_be_written_under_another_key(stores: Stores) -> None:
    space_key = stores.series.find(SERIES).key
    store = stores.store()
    with pytest.raises(KeyChangedError, match="number space X"):
        store.lease(SERIES, 1, fingerprint=key_fingerprint(bytes(32)))

    assert [] == stores.states(SERIES)
    assert Block(0, 10) == store.lease(SERIES, 1, fingerprint=key_fingerprint(space_key)).block


def test_blocks_by_the_thousand_may_be_large(stores: Stores) -> None:
    # 3,000 million is more than PostgreSQL's integer, which the block size is.
    stores.create("large", serials=10**11, block_size=1_000_000, number_space="large")

    assert Block(0, 3_000_000_000) == stores.store().lease("large", 3_000).block


def test_a_lease_that_waited_for_the_row_takes_no_more_than_it_wants(postgres: Stores) -> None:
    """Such as for a `flask series reopen`, which gives back what was left when it was sealed.

    On SQLite the lease waits before it has read anything.
    """
    stores, store = postgres, postgres.store()
    stores.change("UPDATE series SET next_serial = end_serial WHERE name = :name", name=SERIES)
    leased: list[Block] = []
    with stores.database.transaction(write=True) as reopening:
        reopening.execute(
            text("UPDATE series SET next_serial = 100 WHERE name = :name"), {"name": SERIES}
        )
        thread = threading.Thread(target=lambda: leased.append(store.lease(SERIES, 1).block))
        thread.start()
        wait_until(lambda: waiting_for_a_lock(stores), seconds=20, what="the lease to wait")
    thread.join(20)

    assert [Block(100, 110)] == leased
