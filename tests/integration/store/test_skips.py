"""Skipping ahead: what may have been handed out by a forgotten lease is left out, for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fakes import FakeObserver
from tests.support.stores import Stores
from tracking_service.allocation import Block, GuardedLeases, HighWaterMark, HighWaterMarks
from tracking_service.errors import (
    ConflictError,
    InvalidSeriesError,
    SeriesExhaustedError,
    UnknownSeriesError,
)
from tracking_service.numbering import key_fingerprint
from tracking_service.store.skipping import LEASES_AHEAD

SERIES = "small"


@pytest.fixture(autouse=True)
def no_chance(stores: Stores) -> None:
    """Let the part of a margin that is drawn at random be 0."""
    stores.randbelow = lambda _: 0


@pytest.fixture
def wide(stores: Stores) -> str:
    """A series whose margin is 100 blocks of ten serials: a hundredth of what remains is less."""
    return stores.create("wide", serials=100_000, number_space="wide").name


def test_skip_past_goes_beyond_the_mark_and_sets_the_refused_block_aside(
    stores: Stores, wide: str
) -> None:
    store = stores.store()
    refused = store.lease(wide, 1)
    store.skip_past(wide, HighWaterMark(end=55, lease_number=9), refused.block)
    after = store.lease(wide, 1)

    assert [
        (0, 10, "skipped"),
        (10, 1_055, "skipped"),
        (1_055, 1_065, "leased"),
    ] == stores.states(wide)
    assert Block(1_055, 1_065) == after.block
    # Higher than any number that was ever given, so that nobody refuses it again.
    assert 10 == after.lease_number


def test_skip_past_a_mark_that_lies_behind_still_leaves_the_margin(
    stores: Stores, wide: str
) -> None:
    store = stores.store()
    lease = store.lease(wide, 2)
    store.skip_past(wide, HighWaterMark(end=10, lease_number=0), lease.block)
    after = store.lease(wide, 1)

    assert Block(1_020, 1_030) == after.block
    assert 2 == after.lease_number


def test_skip_past_leaves_returned_tails_out(stores: Stores, wide: str) -> None:
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    for _ in range(2):
        first.lease(wide, 1)
    refused = second.lease(wide, 1)
    first.hand_back(wide, [Block(5, 10), Block(10, 20)])
    second.skip_past(wide, HighWaterMark(end=40, lease_number=5), refused.block)

    assert [
        (0, 5, "spent"),
        (5, 10, "skipped"),
        (10, 20, "skipped"),
        (20, 30, "skipped"),
        (30, 1_040, "skipped"),
    ] == stores.states(wide)
    assert Block(1_040, 1_050) == second.lease(wide, 1).block


def test_skip_past_does_not_touch_the_block_of_another_instance(stores: Stores) -> None:
    holder, other = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    block = holder.lease(SERIES, 1).block
    other.skip_past(SERIES, HighWaterMark(end=10, lease_number=1), block)

    assert (0, 10, "leased") == stores.states(SERIES)[0]


def test_skip_past_the_end_exhausts_the_series(stores: Stores) -> None:
    store = stores.store()
    lease = store.lease(SERIES, 1)
    store.skip_past(SERIES, HighWaterMark(end=5_000, lease_number=1), lease.block)

    assert 1000 == stores.counter(SERIES)
    assert [(0, 10, "skipped"), (10, 1000, "skipped")] == stores.states(SERIES)
    with pytest.raises(SeriesExhaustedError):
        store.lease(SERIES, 1)


def test_skip_past_of_an_unknown_series_is_refused(stores: Stores) -> None:
    with pytest.raises(UnknownSeriesError):
        stores.store().skip_past("nothing", HighWaterMark(), Block(0, 1))


@pytest.mark.parametrize("words", [{"to": 35}, {"by": 25}])
def test_an_operator_skips_to_a_serial_or_by_so_many(stores: Stores, words: dict[str, int]) -> None:
    store = stores.store()
    store.lease(SERIES, 1)

    assert Block(10, 35) == store.skip_to(SERIES, **words)
    assert [(0, 10, "leased"), (10, 35, "skipped")] == stores.states(SERIES)
    assert Block(35, 45) == store.lease(SERIES, 1).block


def test_an_operator_may_skip_the_whole_rest(stores: Stores) -> None:
    assert Block(0, 1000) == stores.store().skip_to(SERIES, to=1000)
    assert 0 == stores.series.find(SERIES).remaining


@pytest.mark.parametrize("words", [{"to": 10}, {"to": 9}, {"to": 0}, {"to": 1001}, {"by": 991}])
def test_nobody_skips_back_nor_beyond_the_end(stores: Stores, words: dict[str, int]) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    store.hand_back(SERIES, [Block(5, 10)])

    with pytest.raises(InvalidSeriesError, match="is at serial 10 and ends at 1000"):
        store.skip_to(SERIES, **words)
    assert [(0, 5, "spent"), (5, 10, "returned")] == stores.states(SERIES)
    assert Block(5, 10) == store.lease(SERIES, 1).block


def test_an_operators_skip_leaves_returned_tails_out(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    store.hand_back(SERIES, [Block(5, 10)])
    store.skip_to(SERIES, by=10)

    assert [(0, 5, "spent"), (5, 10, "skipped"), (10, 20, "skipped")] == stores.states(SERIES)
    assert Block(20, 30) == store.lease(SERIES, 1).block


@pytest.mark.parametrize("words", [{"to": 1000}, {"by": 1}, {"by": 10**9}])
def test_of_an_exhausted_series_an_operators_skip_leaves_the_tails_out(
    stores: Stores, words: dict[str, int]
) -> None:
    """After a restore, one may have been leased again by a lease that nobody remembers."""
    store = stores.store()
    store.lease(SERIES, 100)
    store.hand_back(SERIES, [Block(990, 1000)])

    assert store.skip_to(SERIES, **words) is None
    assert [(0, 990, "spent"), (990, 1000, "skipped")] == stores.states(SERIES)
    with pytest.raises(SeriesExhaustedError):
        store.lease(SERIES, 1)


def test_tails_are_left_out_where_the_counter_lies_behind_as_well(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 2)
    store.hand_back(SERIES, [Block(15, 20)])
    stores.change("UPDATE series SET next_serial = 10 WHERE name = :name", name=SERIES)
    store.skip_to(SERIES, to=20)

    assert [(0, 15, "spent"), (15, 20, "skipped")] == stores.states(SERIES)
    assert Block(20, 30) == store.lease(SERIES, 1).block


def guarded(stores: Stores, folder: Path, observer: FakeObserver, instance: str) -> GuardedLeases:
    """Leases of an instance that keeps its high-water marks in `folder`."""
    return GuardedLeases(
        SERIES,
        fingerprint=key_fingerprint(stores.series.find(SERIES).key),
        end_serial=1000,
        instance=instance,
        store=stores.store(instance),
        marks=HighWaterMarks(folder),
        observer=observer,
    )


def make_again(stores: Stores) -> None:
    """Put the series where `series create` has it, in a database restored from before it."""
    stores.change("DELETE FROM block")
    stores.change(
        "UPDATE series SET next_serial = first_serial, lease_count = 0 WHERE name = :name",
        name=SERIES,
    )


def test_a_series_made_again_and_skipped_by_hand_did_not_go_backwards(
    stores: Stores, tmp_path: Path
) -> None:
    """As the runbook has it: it counts its leases from the first, and no serial went back."""
    observer = FakeObserver()
    before = guarded(stores, tmp_path, observer, "host:1:aaaa")
    for _ in range(5):
        before.lease(1)
    make_again(stores)
    stores.store().skip_to(SERIES, by=500)

    lease = guarded(stores, tmp_path, observer, "host:2:bbbb").lease(1)

    assert Block(500, 510) == lease.block
    assert [] == observer.backwards


def test_lease_numbers_after_a_skip_by_hand_stay_below_those_after_a_promotion(
    stores: Stores,
) -> None:
    """Else marks of a copy that was skipped would refuse good leases after the promotion."""
    store = stores.store()
    numbers = []
    for _ in range(9):
        store.skip_to(SERIES, by=10)
        numbers.append(store.lease(SERIES, 1).lease_number)

    assert sorted(numbers) == numbers
    assert 10**6 < numbers[0] < numbers[-1] < LEASES_AHEAD


def test_a_lease_of_serials_that_a_block_has_says_what_to_do(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 2)
    stores.change("UPDATE series SET next_serial = 10 WHERE name = :name", name=SERIES)
    stores.change("UPDATE block SET start = 10")

    with pytest.raises(ConflictError) as caught:
        store.lease(SERIES, 1)

    assert caught.value.concerns_one_series
    assert f"series skip {SERIES} --to END" in str(caught.value)
    assert "DATABASE_URL" not in str(caught.value)
    store.skip_to(SERIES, to=20)
    assert Block(20, 30) == store.lease(SERIES, 1).block
