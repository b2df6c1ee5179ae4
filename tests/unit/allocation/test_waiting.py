"""The bound on who waits: one for an instance, however many of its series are dry."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.fakes import Clock, InThreads
from tests.support.waiting import wait_until
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import ReserveEmptyError
from tracking_service.instance.wait_limiter import PATIENCE_SECONDS, Waiting

AWAY = ReserveEmptyError("the database is away", retry_after=7)
SERIES = 4


class DryInstance:
    """Several series that hold nothing, and those who wait for them."""

    def __init__(self, places: int = 2) -> None:
        self.failing = False
        self.calls = 0
        self.waiting = Waiting(places, failing=lambda: self.failing)
        self.allocators = [
            Allocator(f"series-{n}", on_low=self._on_low, wait_seconds=60.0, waiting=self.waiting)
            for n in range(SERIES)
        ]
        self.waiters: list[InThreads] = []

    def _on_low(self) -> None:
        self.calls += 1

    def wait_at(self, index: int, count: int = 1) -> InThreads:
        """Let so many more wait for one of the series; return when they do."""
        expected = self.calls + count
        threads = InThreads(count, self.allocators[index].next)
        self.waiters.append(threads)
        wait_until(lambda: self.calls == expected, seconds=30, what="callers to wait")
        # Whoever called holds the lock until it waits.
        self.allocators[index].holding()
        return threads

    def refuse(self) -> None:
        for allocator in self.allocators:
            allocator.refuse(AWAY)

    def is_refused_at_once(self, index: int) -> bool:
        began = time.monotonic()
        with pytest.raises(ReserveEmptyError):
            self.allocators[index].next()
        # Those who may wait do so for a minute.
        return time.monotonic() - began < 10

    def close(self) -> None:
        for allocator in self.allocators:
            allocator.close()
        for threads in self.waiters:
            threads.join()


@pytest.fixture
def dry() -> Iterator[DryInstance]:
    instance = DryInstance()
    yield instance
    instance.close()


def test_so_many_wait_over_all_series_while_the_database_is_away(dry: DryInstance) -> None:
    dry.refuse()
    first, second = dry.wait_at(0), dry.wait_at(1)

    assert all(dry.is_refused_at_once(index) for index in range(SERIES))

    dry.allocators[0].add([Block(5, 6)], low_water=0)
    dry.allocators[1].add([Block(7, 8)], low_water=0)
    assert [[5], [7]] == [first.join().results, second.join().results]


def test_when_the_database_goes_away_so_many_stay_over_all_series(dry: DryInstance) -> None:
    waiting = [dry.wait_at(index, 3) for index in range(SERIES)]

    dry.refuse()
    wait_until(
        lambda: sum(len(threads.errors) for threads in waiting) == 3 * SERIES - 2,
        seconds=30,
        what="all but two to be refused",
    )
    for allocator in dry.allocators:
        allocator.add([Block(0, 5)], low_water=0)

    assert 2 == sum(len(threads.join().results) for threads in waiting)


def test_a_place_that_one_series_frees_serves_another(dry: DryInstance) -> None:
    dry.refuse()
    for index in (0, 1, 2, 3):
        dry.allocators[index].add([Block(0, 1)], low_water=0)
        assert 0 == dry.allocators[index].next()
        dry.allocators[index].refuse(AWAY)
        waiting = dry.wait_at(index, 2)
        assert dry.is_refused_at_once((index + 1) % SERIES)
        dry.allocators[index].add([Block(1, 3)], low_water=0)
        assert {1, 2} == set(waiting.join().results)
        dry.allocators[index].refuse(AWAY)


def test_a_database_that_hangs_is_not_waited_for_without_a_place(dry: DryInstance) -> None:
    waiting = dry.wait_at(0, 2)
    # Nobody has refused yet: the lease that hangs has not come to its end.
    dry.failing = True

    assert all(dry.is_refused_at_once(index) for index in range(SERIES))

    dry.allocators[0].add([Block(5, 7)], low_water=0)
    assert {5, 6} == set(waiting.join().results)


def test_without_places_nobody_waits_for_a_database_that_is_away() -> None:
    dry = DryInstance(places=0)
    dry.refuse()

    assert all(dry.is_refused_at_once(index) for index in range(SERIES))


def test_patience_runs_out_for_all_series_at_once(
    dry: DryInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("tracking_service.instance.wait_limiter.time", clock)
    early = dry.wait_at(0, 2)

    clock.now += PATIENCE_SECONDS
    assert all(dry.is_refused_at_once(index) for index in range(1, SERIES))

    dry.allocators[0].add([Block(5, 7)], low_water=0)
    assert {5, 6} == set(early.join().results)


def test_one_who_was_answered_renews_the_patience(
    dry: DryInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("tracking_service.instance.wait_limiter.time", clock)
    early = dry.wait_at(0, 2)
    clock.now += 0.9 * PATIENCE_SECONDS
    served = dry.wait_at(1)
    dry.allocators[1].add([Block(5, 6)], low_water=0)
    served.join()

    # The first two wait on, and it is long ago that they came.
    clock.now += 0.9 * PATIENCE_SECONDS
    late = dry.wait_at(2)
    dry.allocators[2].add([Block(8, 9)], low_water=0)

    assert [[5], [8], []] == [served.results, late.join().results, early.errors]


def test_a_serial_in_memory_is_had_without_asking_who_waits(
    dry: DryInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry.allocators[0].add([Block(0, 100)], low_water=50)
    # Held for good: whoever touched the bound would wait for ever.
    with dry.waiting._lock:
        monkeypatch.setattr(dry.waiting, "failing", lambda: pytest.fail("the bound was asked"))

        assert list(range(100)) == [dry.allocators[0].next() for _ in range(100)]


@pytest.mark.usefixtures("often_switched")
def test_places_are_neither_lost_nor_made_however_many_threads_come_and_go() -> None:
    dry = DryInstance(places=3)

    def come_and_go() -> None:
        for turn in range(200):
            with dry.waiting.one(0.0) as wait:
                wait.has_place()
                if turn % 2:
                    wait.has_place()

    assert [] == InThreads(16, come_and_go).join().errors
    with dry.waiting.one(1) as a, dry.waiting.one(1) as b, dry.waiting.one(1) as c:
        assert [True] * 3 == [a.has_place(), b.has_place(), c.has_place()]
        with dry.waiting.one(1) as fourth:
            assert not fourth.has_place()
