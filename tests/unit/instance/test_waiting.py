"""Requests that find nothing in memory: who waits, for how long, and who is refused at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import InThreads
from tracking_service.allocation import Block
from tracking_service.errors import (
    ReserveEmptyError,
    SeriesExhaustedError,
    ShuttingDownError,
    StoreUnavailableError,
)
from tracking_service.instance.numbers_ahead import ASKED
from tracking_service.instance.series import OpenSeries
from tracking_service.numbering import Shipment

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

AWAY = ReserveEmptyError("the database is away", retry_after=7)
SERIES = ("default", "gifts", "ra")


class Dry:
    """An instance whose series are open and hold nothing, and requests that wait for them.

    Nothing leases: a test adds blocks itself.
    """

    def __init__(self, issuing: Issuing) -> None:
        self.issuing = issuing
        for allocator in [issuing.opened(name) for name in SERIES]:
            allocator.take(allocator.left)
        self.waiters: list[InThreads] = []

    def series(self, name: str = "default") -> OpenSeries:
        return self.issuing.instance.registry.open[name]

    def wait(self, name: str = "default", *, count: int = 1, serials: int = 1) -> InThreads:
        """Let so many more requests wait, for so many serials each; return when they do."""
        allocator = self.series(name).allocator
        expected = allocator.demand + count * serials
        threads = InThreads(count, lambda: self.series(name).take(serials)[0].start)
        self.waiters.append(threads)
        self.issuing.until(lambda: allocator.demand == expected, "requests to wait")
        return threads

    def add(self, name: str, *blocks: Block) -> None:
        self.series(name).allocator.add(blocks, low_water=0)

    def fail(self) -> None:
        for name in SERIES:
            self.series(name).allocator.set_error(AWAY)

    def is_refused_at_once(self, name: str = "default") -> bool:
        began = time.monotonic()
        with pytest.raises(ReserveEmptyError):
            self.series(name).next()
        # Those that may wait do so for half a minute.
        return time.monotonic() - began < 10

    def end(self) -> None:
        self.issuing.instance.close(0)
        for threads in self.waiters:
            threads.join()


@pytest.fixture
def make_dry(make_issuing: Callable[..., Issuing]) -> Iterator[Callable[..., Dry]]:
    made: list[Dry] = []

    def make(**options: object) -> Dry:
        made.append(Dry(make_issuing(threaded=False, **options)))
        return made[-1]

    yield make
    for dry in made:
        dry.end()


@pytest.fixture
def dry(make_dry: Callable[..., Dry]) -> Dry:
    return make_dry()


def test_a_block_serves_all_that_it_can(dry: Dry) -> None:
    waiting = dry.wait(count=2)
    dry.add("default", Block(5, 7))

    assert {5, 6} == set(waiting.join().results)


def test_those_that_it_cannot_serve_go_on_waiting(dry: Dry) -> None:
    waiting = dry.wait(count=2)
    dry.add("default", Block(5, 6))
    dry.issuing.until(lambda: waiting.results, "one of the two to be served")
    dry.add("default", Block(9, 10))

    assert {5, 9} == set(waiting.join().results)


def test_a_request_for_many_waits_until_all_are_there(dry: Dry) -> None:
    threads = dry.wait(serials=15)
    dry.add("default", Block(0, 10))
    dry.issuing.until(lambda: dry.series().allocator.demand == 15, "it to wait again")
    dry.add("default", Block(40, 50))

    assert [0] == threads.join().results
    assert (5, 0) == (dry.series().allocator.left, dry.series().allocator.demand)


def test_it_gives_up_after_its_time(make_dry: Callable[..., Dry]) -> None:
    dry = make_dry(wait_seconds=0.05)
    began = time.monotonic()

    assert dry.is_refused_at_once()
    assert 0.05 <= time.monotonic() - began


def test_so_many_wait_over_all_series_while_the_database_is_away(dry: Dry) -> None:
    dry.fail()
    first, second = dry.wait("default"), dry.wait("gifts")

    assert all(dry.is_refused_at_once(name) for name in SERIES)

    dry.add("default", Block(5, 6))
    dry.add("gifts", Block(7, 8))
    assert [[5], [7]] == [first.join().results, second.join().results]


def test_when_the_database_goes_away_so_many_stay_over_all_series(dry: Dry) -> None:
    waiting = [dry.wait(name, count=3) for name in SERIES]

    dry.fail()
    dry.issuing.until(
        lambda: sum(len(threads.errors) for threads in waiting) == 7, "all but two to be refused"
    )
    for name in SERIES:
        dry.add(name, Block(0, 5))

    assert 2 == sum(len(threads.join().results) for threads in waiting)
    assert {("the database is away", 7)} == {
        (str(error), error.retry_after)
        for threads in waiting
        for error in threads.errors
        if isinstance(error, ReserveEmptyError)
    }


def test_a_place_that_one_series_frees_serves_another(dry: Dry) -> None:
    for name, other in zip(SERIES, (*SERIES[1:], SERIES[0]), strict=True):
        dry.fail()
        waiting = dry.wait(name, count=2)
        assert dry.is_refused_at_once(other)
        dry.add(name, Block(1, 3))
        assert {1, 2} == set(waiting.join().results)


def test_a_database_that_hangs_is_not_waited_for_without_a_place(dry: Dry) -> None:
    # No series has been told of it yet.
    dry.issuing.instance.health.fail(StoreUnavailableError())
    waiting = dry.wait(count=2)

    assert all(dry.is_refused_at_once(name) for name in SERIES)

    dry.add("default", Block(5, 7))
    assert {5, 6} == set(waiting.join().results)


def test_a_database_that_answers_again_lets_newcomers_wait(dry: Dry) -> None:
    dry.fail()
    for name in SERIES:
        dry.series(name).allocator.clear_error()

    waiting = dry.wait(count=3)
    dry.add("default", Block(5, 8))

    assert {5, 6, 7} == set(waiting.join().results)


def test_nobody_waits_for_a_database_that_is_away_where_none_may(
    make_dry: Callable[..., Dry],
) -> None:
    dry = make_dry(places=0)
    dry.fail()

    assert all(dry.is_refused_at_once(name) for name in SERIES)


def test_an_exhausted_series_is_said_to_be_at_once(dry: Dry) -> None:
    waiting = dry.wait(count=2)

    dry.series().allocator.set_error(SeriesExhaustedError())

    assert [SeriesExhaustedError] * 2 == [type(each) for each in waiting.join().errors]
    with pytest.raises(SeriesExhaustedError):
        dry.series().next()


def test_the_end_wakes_those_that_wait(dry: Dry) -> None:
    waiting = dry.wait(count=4)

    dry.issuing.instance.close()

    assert [ShuttingDownError] * 4 == [type(error) for error in waiting.join().errors]
    assert 4 == len(set(map(id, waiting.errors)))


def test_while_another_series_has_serials_half_of_the_threads_are_left(
    make_dry: Callable[..., Dry],
) -> None:
    """Those beyond wait for as long as a lease takes that goes well, and no longer."""
    dry = make_dry(threads=8)
    dry.add("gifts", Block(0, 100))
    waiting = dry.wait("default", count=4)

    assert all(dry.is_refused_at_once() for _ in range(20))
    assert 4 == dry.issuing.limiter.waiting
    assert [0, 1] == [dry.series("gifts").next() for _ in range(2)]
    dry.add("default", Block(5, 9))
    assert {5, 6, 7, 8} == set(waiting.join().results)


def test_serials_of_a_lane_count_for_other_requests_get_them_without_a_wait(dry: Dry) -> None:
    gifts, lane = dry.series("gifts"), Shipment("MY", "ID")
    dry.add("gifts", Block(0, ASKED + 2))
    assert 0 == gifts.next()
    gifts.numbers_ahead.tick(is_scarce=False)
    for _ in range(ASKED):
        gifts.numbers_ahead.take_number(lane)
    gifts.allocator.take(gifts.allocator.left)

    assert dry.issuing.instance.registry.has_serials()
    # All but the one that the lane's first number took.
    assert ASKED - 1 == len({gifts.next() for _ in range(ASKED - 1)})
    assert not dry.issuing.instance.registry.has_serials()


def test_where_no_series_has_any_all_threads_may_wait(make_dry: Callable[..., Dry]) -> None:
    dry = make_dry(threads=8)
    waiting = dry.wait(count=8)

    dry.add("default", Block(0, 8))

    assert [] == waiting.join().errors


def test_a_serial_in_memory_is_had_without_asking_who_waits(
    make_dry: Callable[..., Dry], monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = make_dry()
    dry.series().allocator.add([Block(0, 100)], low_water=50)
    monkeypatch.setattr(dry.issuing.limiter, "wait", lambda *_, **__: pytest.fail("was asked"))

    assert list(range(100)) == [dry.series().next() for _ in range(100)]
