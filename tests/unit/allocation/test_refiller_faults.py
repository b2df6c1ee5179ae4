"""The refiller when the database is slow, fails, hangs and comes back; and its end."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import Clock, InThreads
from tracking_service.allocation import Lease
from tracking_service.errors import (
    CounterWentBackwardsError,
    KeyChangedError,
    ReserveEmptyError,
    SchemaError,
    StoreUnavailableError,
    UnknownSeriesError,
    WitnessError,
)
from tracking_service.instance import leaser as refiller
from tracking_service.instance.database_health import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MOST_SECONDS,
    HANGING_SECONDS,
)
from tracking_service.instance.leaser import ASKED_MOST

if TYPE_CHECKING:
    from tests.unit.allocation.conftest import Refilled

AWAY = StoreUnavailableError("the database does not answer")


class Jitter:
    """Stands in for `random.uniform`: notes the bounds and draws nothing."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float]] = []

    def __call__(self, least: float, most: float) -> float:
        self.bounds.append((least, most))
        return 0.0


@pytest.fixture
def jitter(monkeypatch: pytest.MonkeyPatch) -> Jitter:
    jitter = Jitter()
    monkeypatch.setattr(random, "uniform", jitter)
    return jitter


def test_it_tries_for_ever_with_full_jitter_and_a_bounded_back_off(
    refilled: Refilled, jitter: Jitter
) -> None:
    refilled.store.failure = AWAY
    refilled.refiller.start()
    opening = refilled.refiller.open("default")
    refilled.until(lambda: len(jitter.bounds) > 40, "40 attempts")
    refilled.store.failure = None

    assert "default" == opening.result(30).series
    assert {0} == {least for least, _ in jitter.bounds}
    mosts = [most for _, most in jitter.bounds]
    assert mosts[:4] == [BACKOFF_FIRST_SECONDS * 2**failures for failures in range(4)]
    assert {BACKOFF_MOST_SECONDS} == set(mosts[6:])


def test_the_back_off_begins_anew_after_an_answer(refilled: Refilled, jitter: Jitter) -> None:
    allocator = refilled.stocked()
    for _ in range(2):
        jitter.bounds.clear()
        refilled.store.failure = AWAY
        allocator.take(allocator.holding().left)
        refilled.until(lambda: len(jitter.bounds) > 3, "the outage")
        refilled.store.failure = None
        refilled.until(lambda: refilled.refiller.database == "up", "the answer")

        assert (0, BACKOFF_FIRST_SECONDS) == jitter.bounds[0]


def test_no_try_comes_before_its_time(refilled: Refilled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda least, most: 3600.0 + least + most)
    refilled.stocked()
    refilled.store.failure = AWAY
    refilled.refiller.open("other")
    refilled.until(lambda: refilled.refiller.database == "away", "the failure")
    refilled.store.failure = None
    calls = len(refilled.store.calls)

    for _ in range(50):
        refilled.refiller.call()
        time.sleep(0.001)

    assert calls == len(refilled.store.calls)


def test_a_retry_waits_for_the_back_off_and_for_nothing_else(
    refilled: Refilled, jitter: Jitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refiller, "TICK_SECONDS", 3600.0)
    refilled.store.failure = AWAY
    refilled.refiller.start()
    opening = refilled.refiller.open("default")
    refilled.until(lambda: len(jitter.bounds) >= 3, "attempts without anyone calling again")
    refilled.store.failure = None

    assert "default" == opening.result(30).series


def test_nobody_with_serials_in_memory_waits_while_the_database_hangs(refilled: Refilled) -> None:
    refilled.store.block_size = 10_000
    allocator = refilled.stocked()
    refilled.store.open.clear()

    took = InThreads(16, lambda: [allocator.next() for _ in range(600)]).join()

    assert [] == took.errors
    refilled.until(lambda: refilled.store.calls[-1] == "lease", "a lease that hangs")
    assert 400 == allocator.holding().left


def test_nobody_with_serials_in_memory_waits_while_the_database_fails(refilled: Refilled) -> None:
    refilled.store.block_size = 10_000
    allocator = refilled.stocked()
    refilled.store.failure = AWAY

    took = InThreads(16, lambda: [allocator.next() for _ in range(600)]).join()

    assert [] == took.errors
    refilled.until(lambda: refilled.refiller.database == "away", "a lease that fails")
    assert AWAY is refilled.refiller.error
    assert [AWAY] == refilled.observer.failures[:1]


def test_those_who_wait_are_served_when_the_database_comes_back(refilled: Refilled) -> None:
    allocator = refilled.stocked()
    refilled.store.failure = AWAY
    allocator.take(100)
    waiting = InThreads(8, allocator.next)
    refilled.until(lambda: refilled.observer.failures, "a lease that fails")
    refilled.store.failure = None

    waiting.join()

    assert [] == waiting.errors
    assert set(range(100, 108)) == set(waiting.results)
    refilled.until(lambda: refilled.refiller.database == "up", "the answer")
    assert refilled.refiller.error is None


def test_a_failure_is_told_to_the_allocator_with_when_to_come_again(
    refilled: Refilled, jitter: Jitter
) -> None:
    allocator = refilled.stocked()
    refilled.store.failure = AWAY
    refilled.refiller.open("other")
    refilled.until(lambda: len(jitter.bounds) > 8, "the longest back-off")

    trouble = allocator.trouble
    assert isinstance(trouble, ReserveEmptyError)
    assert BACKOFF_MOST_SECONDS == trouble.retry_after

    refilled.store.failure = None
    refilled.until(lambda: allocator.trouble is None, "the trouble to be taken back")
    # It has all that it wants: no block came that would have taken it back.
    assert 100 == allocator.holding().left


def test_a_block_whose_commit_is_unknown_is_never_handed_out(
    refilled: Refilled, jitter: Jitter
) -> None:
    allocator = refilled.stocked()
    refilled.store.lost_acknowledgement = AWAY
    allocator.take(60)
    refilled.until(lambda: len(refilled.store.committed) > 3, "leases with unknown outcome")
    refilled.store.lost_acknowledgement = None
    unknown = len(refilled.store.committed)
    refilled.until(lambda: refilled.refiller.database == "up", "the answer")

    held = allocator.holding().unspent
    doubtful = [block for block in refilled.store.committed[1:unknown] if block not in held]
    assert len(doubtful) >= 3
    serials = [
        serial
        for block in allocator.take(allocator.holding().left)
        for serial in range(block.start, block.end)
    ]
    assert not any(serial in block for serial in serials for block in doubtful)
    assert jitter.bounds


@pytest.mark.parametrize("error", [SchemaError(), WitnessError(), RuntimeError("a fault")])
def test_no_error_ends_the_thread(refilled: Refilled, jitter: Jitter, error: Exception) -> None:
    refilled.store.failure = error
    refilled.refiller.start()
    refilled.refiller.call()
    refilled.until(lambda: len(jitter.bounds) > 3, "attempts that fail")
    assert error is refilled.refiller.error
    refilled.store.failure = None

    assert 0 <= refilled.stocked().next()


@pytest.mark.parametrize(
    "error", [CounterWentBackwardsError(), UnknownSeriesError("first"), KeyChangedError()]
)
def test_one_series_in_trouble_leaves_the_others_stocked(
    refilled: Refilled, jitter: Jitter, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first = refilled.stocked("first")
    second = refilled.stocked("second")
    fails_for_the_first(refilled, monkeypatch, error)
    first.take(60)
    for _ in range(20):
        second.take(100)

    assert 2_000 == second.holding().spent
    refilled.until(lambda: error is refilled.refiller.supplies[0].error, "the trouble")
    # It is no failure of leasing at large: nobody is backed off for it.
    assert not refilled.refiller.failing
    assert [] == jitter.bounds


def test_a_row_that_cannot_be_had_leaves_the_others_stocked(
    refilled: Refilled, jitter: Jitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody's transaction sits on it: the database is there for all the others."""
    first = refilled.stocked("first")
    second = refilled.stocked("second")
    fails_for_the_first(refilled, monkeypatch, AWAY)
    first.take(60)
    refilled.until(lambda: jitter.bounds, "the failure")
    second.take(60)

    refilled.until(lambda: second.holding().left > 100, "a lease for the second")
    assert 40 == first.holding().left


def fails_for_the_first(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    lease = refilled.store.lease

    def some(series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        if series == "first":
            raise error
        return lease(series, blocks, fingerprint=fingerprint)

    monkeypatch.setattr(refilled.store, "lease", some)


def test_who_holds_little_comes_before_who_is_opened(
    refilled: Refilled, jitter: Jitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocator = refilled.stocked()
    refilled.failures["other"] = AWAY
    refilled.refiller.open("other")
    refilled.until(lambda: jitter.bounds, "the failure")
    allocator.take(60)

    refilled.until(lambda: allocator.holding().left > 100, "a lease")
    assert refilled.refiller.failing


def test_only_so_many_series_wait_to_be_opened(refilled: Refilled, jitter: Jitter) -> None:
    """While the database is away nobody waits long, and anybody can think of names."""
    refilled.failures |= {f"name-{number}": AWAY for number in range(ASKED_MOST)}
    asked = [refilled.refiller.open(name) for name in refilled.failures]

    with pytest.raises(ReserveEmptyError):
        refilled.refiller.open("one-more")
    assert asked[0] is refilled.refiller.open("name-0")


def test_a_thread_that_could_not_be_started_is_started_the_next_time(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as short_of_threads:
        short_of_threads.setattr(threading.Thread, "start", _fail)
        with pytest.raises(RuntimeError):
            refilled.refiller.start()

    assert 100 == refilled.stocked().holding().left


def _fail(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_an_observer_that_fails_does_not_end_the_leasing(
    refilled: Refilled, jitter: Jitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocator = refilled.stocked()

    def fail(error: Exception, seconds: float) -> None:
        raise RuntimeError("no room for metrics")

    monkeypatch.setattr(refilled.observer, "lease_failed", fail)
    refilled.store.failure = AWAY
    allocator.take(60)
    refilled.until(lambda: len(jitter.bounds) > 1, "two failures")
    refilled.store.failure = None

    refilled.until(lambda: allocator.holding().left > 100, "a lease")


def test_rates_are_measured_while_the_database_is_away(refilled: Refilled, jitter: Jitter) -> None:
    allocator = refilled.stocked()
    refilled.store.failure = AWAY
    refilled.failures["other"] = AWAY
    refilled.refiller.open("other")
    refilled.until(lambda: jitter.bounds, "the outage")
    allocator.take(30)

    refilled.until(lambda: refilled.refiller.supplies[0].meter.rate > 0, "the rate")


def test_a_database_that_hangs_counts_as_away_until_it_answers(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(refiller, "time", clock)
    refilled.stocked()
    refilled.until(lambda: refilled.refiller.database == "up", "the database to be known")
    refilled.store.open.clear()
    refilled.refiller.open("other")
    refilled.until(lambda: len(refilled.store.calls) == 2, "a lease that hangs")

    states = []
    for seconds in (0.0, HANGING_SECONDS, 0.001):
        clock.now += seconds
        states.append(refilled.refiller.database)

    assert ["up", "up", "away"] == states
    assert refilled.refiller.error is None

    refilled.store.open.set()
    refilled.until(lambda: refilled.refiller.database == "up", "the answer")


def test_stopping_ends_a_thread_that_sleeps(refilled: Refilled) -> None:
    refilled.stocked()

    assert refilled.refiller.stop(30)


def test_stopping_ends_a_thread_that_backs_off(
    refilled: Refilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda *_: 3600.0)
    refilled.store.failure = AWAY
    refilled.refiller.start()
    refilled.refiller.call()
    refilled.until(lambda: refilled.refiller.database == "away", "the failure")

    assert refilled.refiller.stop(30)


def test_stopping_ends_within_its_bound_though_the_store_hangs(refilled: Refilled) -> None:
    refilled.store.open.clear()
    refilled.refiller.start()
    refilled.refiller.call()
    refilled.until(lambda: refilled.store.calls, "a call that hangs")
    finished: list[bool] = []
    began = time.monotonic()

    assert not refilled.refiller.stop(0.05, lambda: finished.append(True))

    assert 0.05 <= time.monotonic() - began < 10
    assert [] == finished
    refilled.store.open.set()
    assert refilled.refiller.stop(30)
    assert [True] == finished


def test_whoever_waits_for_a_series_learns_that_it_ended(refilled: Refilled) -> None:
    before = refilled.refiller.open("default")
    refilled.refiller.stop(30)
    after = refilled.refiller.open("default")

    for future in (before, after):
        with pytest.raises(CancelledError):
            future.result(0)


def test_it_leases_no_more_for_the_next_series_when_it_is_to_end(refilled: Refilled) -> None:
    refilled.store.open.clear()
    opening = [refilled.refiller.open(name) for name in ("first", "second")]
    refilled.refiller.start()
    for future in opening:
        future.result(30)
    refilled.until(lambda: refilled.store.calls, "the first's lease")

    assert not refilled.refiller.stop(0)
    refilled.store.open.set()
    assert refilled.refiller.stop(30)

    assert 1 == len(refilled.store.committed)


def test_it_is_not_started_again(refilled: Refilled) -> None:
    refilled.refiller.stop(30)
    refilled.refiller.start()
    refilled.refiller.call()

    assert refilled.refiller._thread is None
