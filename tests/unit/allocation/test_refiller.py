"""The refiller while the database answers: one lease at a time, and always in time."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import Clock, InThreads
from tracking_service.allocation import Block
from tracking_service.errors import KeyChangedError, StoreUnavailableError, UnknownSeriesError
from tracking_service.instance import database_health as attempts
from tracking_service.instance import leaser as refiller

if TYPE_CHECKING:
    from tests.unit.allocation.conftest import Refilled


def test_nothing_is_asked_before_the_start(refilled: Refilled) -> None:
    future = refilled.refiller.open("default")
    refilled.refiller.call()

    assert "unknown" == refilled.refiller.database
    assert not future.done()
    assert [] == refilled.opened + refilled.store.calls


def test_a_series_that_is_opened_is_stocked(refilled: Refilled) -> None:
    allocator = refilled.stocked()

    assert (Block(0, 100),) == allocator.holding().unspent
    assert ["default"] == [supply.series for supply in refilled.refiller.supplies]
    refilled.until(lambda: refilled.refiller.database == "up", "the database to be known")


def test_each_round_is_told_of_even_one_that_fails(refilled: Refilled) -> None:
    refilled.store.failure = StoreUnavailableError()
    refilled.refiller.start()
    refilled.refiller.open("default")

    refilled.until(lambda: refilled.observer.rounds, "the end of a round")

    assert refilled.observer.failures


def test_an_observer_that_fails_does_not_stop_the_leases(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(refilled.observer, "looked_after", fail)
    refilled.stocked()

    assert refilled.stocked("another").holding().left


def test_all_who_ask_for_a_series_share_one_future(refilled: Refilled) -> None:
    asking = InThreads(16, lambda: refilled.refiller.open("default")).join()
    assert 1 == len(set(map(id, asking.results)))

    refilled.refiller.start()
    supply = refilled.refiller.open("default").result(30)

    assert ["default"] == refilled.opened
    assert supply is refilled.refiller.open("default").result(0)


def test_an_unknown_series_is_told_to_who_asked_and_asked_again_next_time(
    refilled: Refilled,
) -> None:
    refilled.refiller.start()
    for _ in range(2):
        with pytest.raises(UnknownSeriesError, match="unknown-x"):
            refilled.refiller.open("unknown-x").result(30)

    assert ["unknown-x"] * 2 == refilled.opened
    assert () == refilled.refiller.supplies


@pytest.mark.parametrize("error", [KeyChangedError(), KeyError("format"), ValueError("option")])
def test_a_series_that_cannot_be_opened_holds_no_other_up(
    refilled: Refilled, error: Exception
) -> None:
    refilled.failures["broken"] = error
    refilled.refiller.start()
    broken, sound = refilled.refiller.open("broken"), refilled.refiller.open("sound")

    assert error is broken.exception(30)
    assert "sound" == sound.result(30).series
    refilled.until(lambda: refilled.refiller.database == "up", "the database to be known")
    assert ["broken", "sound"] == refilled.opened


def test_a_refill_comes_before_the_block_ends(refilled: Refilled) -> None:
    allocator = refilled.stocked()
    for _ in range(20):
        for _ in range(50):
            allocator.next()
        refilled.until(lambda: allocator.holding().left > 50, "the refill")

    assert 1_000 == allocator.holding().spent


@pytest.mark.parametrize("series", [1, 5])
def test_one_lease_at_a_time_however_many_ask(refilled: Refilled, series: int) -> None:
    refilled.refiller.start()
    names = [f"series-{number}" for number in range(series)]
    opening = InThreads(20, lambda: [refilled.refiller.open(name).result(30) for name in names])
    opening.join()
    allocators = [supply.allocator for supply in refilled.refiller.supplies]

    def hammer() -> list[tuple[str, int]]:
        return [(each.series, each.next()) for _ in range(1_000 // series) for each in allocators]

    hammered = InThreads(20, hammer).join()

    assert [] == opening.errors + hammered.errors
    got = [pair for pairs in hammered.results for pair in pairs]  # type: ignore[attr-defined]
    assert 20_000 == len(got) == len(set(got))
    assert 1 == refilled.store.most_at_once
    assert sorted(names) == sorted(refilled.opened)


def test_a_call_during_a_lease_is_not_lost(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refiller, "TICK_SECONDS", 3600.0)
    first = refilled.stocked("first")
    refilled.store.open.clear()
    refilled.refiller.open("second")
    refilled.until(lambda: len(refilled.store.calls) == 2, "the second's lease")

    # The refiller has looked after the first already when it is spent.
    taking = InThreads(1, lambda: first.take(100))
    refilled.until(lambda: first.demand or first.holding().spent, "the first to be spent")
    refilled.store.open.set()

    assert 100 == sum(map(len, taking.join().results[0]))  # type: ignore[call-overload]
    refilled.until(lambda: first.holding().left > 50, "the first's refill")


def test_a_ping_comes_only_where_nothing_else_was_asked_for_long_enough(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(refiller, "time", clock)
    refilled.stocked()
    refilled.until(lambda: refilled.refiller.database == "up", "the database to be known")
    passes = _count_passes(refilled, monkeypatch)

    clock.now += attempts.PING_SECONDS - 0.001
    for _ in range(3):
        passes.another()
    assert "ping" not in refilled.store.calls

    clock.now += 0.001
    for _ in range(3):
        passes.another()
    assert 1 == refilled.store.calls.count("ping")


def test_without_a_series_the_database_is_asked_whether_it_is_there(refilled: Refilled) -> None:
    refilled.refiller.start()
    refilled.refiller.call()

    refilled.until(lambda: refilled.refiller.database == "up", "the database to be known")
    assert ["ping"] == refilled.store.calls


class _Passes:
    """Lets the refiller look after its supplies once more, and waits for the end of that."""

    def __init__(self, refilled: Refilled) -> None:
        self._refilled = refilled
        self._seen = threading.Semaphore(0)
        self._look = refilled.refiller._look_after_supplies

    def look(self, now: float) -> bool:
        try:
            return self._look(now)
        finally:
            self._seen.release()

    def another(self) -> None:
        self._refilled.refiller.call()
        assert self._seen.acquire(timeout=30)
        # What follows a look is done when the refiller waits again.
        self._refilled.until(
            lambda: self._refilled.refiller._attempts.lasted(math.inf) == 0, "the pass to end"
        )


def _count_passes(refilled: Refilled, monkeypatch: pytest.MonkeyPatch) -> _Passes:
    passes = _Passes(refilled)
    monkeypatch.setattr(refiller, "TICK_SECONDS", 3600.0)
    # The wait that is under way still has the old tick; this ends it.
    monkeypatch.setattr(refilled.refiller, "_look_after_supplies", passes.look)
    passes.another()
    return passes
