"""The allocator with nothing left: who waits, for how long, and who is refused at once."""

import time
from collections.abc import Iterator

import pytest

from tests.support.fakes import Clock, InThreads
from tests.support.waiting import wait_until
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import (
    AllocationError,
    ClosedError,
    ReserveEmptyError,
    SeriesExhaustedError,
)
from tracking_service.instance.wait_limiter import PATIENCE_SECONDS, Waiting

AWAY = ReserveEmptyError("the database is away", retry_after=7)


class Dry:
    """An allocator that holds nothing, and those who wait for it."""

    def __init__(self, *, wait_seconds: float = 60.0, waiting: Waiting | None = None) -> None:
        self.calls = 0
        self.allocator = Allocator(
            "default",
            on_low=self._on_low,
            wait_seconds=wait_seconds,
            waiting=waiting or Waiting(),
        )
        self.waiters: list[InThreads] = []

    def _on_low(self) -> None:
        # Called with the allocator's lock held, which a waiter gives up only when it waits.
        self.calls += 1

    def waiting(self, count: int) -> InThreads:
        """Let so many more wait; return when they do."""
        expected = self.calls + count
        threads = InThreads(count, self.allocator.next)
        self.waiters.append(threads)
        wait_until(lambda: self.calls == expected, seconds=30, what="callers to wait")
        self.allocator.holding()
        return threads


@pytest.fixture
def dry() -> Iterator[Dry]:
    dry = Dry()
    yield dry
    dry.allocator.close()
    for threads in dry.waiters:
        threads.join()


def refused_at_once(allocator: Allocator) -> AllocationError:
    began = time.monotonic()
    with pytest.raises(AllocationError) as caught:
        allocator.next()
    # Those who may wait do so for a minute.
    assert 10 > time.monotonic() - began
    return caught.value


def test_a_caller_waits_and_gets_a_block_that_is_added_meanwhile(dry: Dry) -> None:
    waiting = dry.waiting(1)
    dry.allocator.add([Block(5, 7)], low_water=0)

    assert [5] == waiting.join().results


def test_a_block_wakes_all_whom_it_can_serve(dry: Dry) -> None:
    waiting = dry.waiting(2)
    dry.allocator.add([Block(5, 7)], low_water=0)

    assert {5, 6} == set(waiting.join().results)


def test_those_whom_it_cannot_serve_go_on_waiting(dry: Dry) -> None:
    first, second = dry.waiting(1), dry.waiting(1)
    dry.allocator.add([Block(5, 6)], low_water=0)
    wait_until(
        lambda: first.results or second.results, seconds=30, what="one of the two to be served"
    )
    dry.allocator.add([Block(9, 10)], low_water=0)

    assert {5, 9} == set(first.join().results + second.join().results)


def test_it_gives_up_after_wait_seconds() -> None:
    allocator = Allocator("default", on_low=lambda: None, wait_seconds=0.05)
    began = time.monotonic()

    with pytest.raises(ReserveEmptyError):
        allocator.next()

    assert 0.05 <= time.monotonic() - began < 10


def test_one_who_gave_up_leaves_room_for_another() -> None:
    dry = Dry(wait_seconds=0.05, waiting=Waiting(1))
    for _ in range(3):
        with pytest.raises(ReserveEmptyError):
            dry.allocator.next()

    dry.allocator.refuse(AWAY)
    began = time.monotonic()
    with pytest.raises(ReserveEmptyError):
        dry.allocator.next()

    assert 0.05 <= time.monotonic() - began


def test_only_so_many_wait_while_the_database_is_away(dry: Dry) -> None:
    dry.allocator.refuse(AWAY)
    waiting = dry.waiting(2)

    errors = [refused_at_once(dry.allocator) for _ in range(5)]

    assert {7} == {error.retry_after for error in errors if isinstance(error, ReserveEmptyError)}
    assert {str(AWAY)} == {str(error) for error in errors}
    dry.allocator.add([Block(5, 7)], low_water=0)
    assert {5, 6} == set(waiting.join().results)


def test_when_the_database_goes_away_all_but_so_many_are_refused(dry: Dry) -> None:
    waiting = dry.waiting(7)

    dry.allocator.refuse(AWAY)
    wait_until(lambda: len(waiting.errors) == 5, seconds=30, what="five to be refused")
    dry.allocator.add([Block(5, 7)], low_water=0)
    waiting.join()

    assert {5, 6} == set(waiting.results)
    assert 5 == len(waiting.errors)


def test_nobody_waits_for_a_database_that_is_away_where_none_may() -> None:
    dry = Dry(waiting=Waiting(0))
    dry.allocator.refuse(AWAY)

    assert isinstance(refused_at_once(dry.allocator), ReserveEmptyError)


def test_a_database_that_answers_again_lets_newcomers_wait(dry: Dry) -> None:
    dry.allocator.refuse(AWAY)
    dry.allocator.relent()

    waiting = dry.waiting(3)
    dry.allocator.add([Block(5, 8)], low_water=0)

    assert {5, 6, 7} == set(waiting.join().results)
    assert dry.allocator.trouble is None


def test_blocks_end_the_trouble(dry: Dry) -> None:
    dry.allocator.refuse(AWAY)
    assert dry.allocator.trouble is AWAY

    dry.allocator.add([Block(5, 6)], low_water=0)

    assert dry.allocator.trouble is None


def test_newcomers_are_refused_at_once_after_a_while_in_which_nothing_was_said(
    dry: Dry, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("tracking_service.instance.wait_limiter.time", clock)
    early = dry.waiting(2)

    clock.now += PATIENCE_SECONDS
    began = time.monotonic()
    for _ in range(40):
        assert isinstance(refused_at_once(dry.allocator), ReserveEmptyError)
    # Were each to wait for as long again, it would take 20 seconds.
    assert 10 > time.monotonic() - began

    dry.allocator.add([Block(5, 7)], low_water=0)
    assert {5, 6} == set(early.join().results)


def test_a_newcomer_waits_no_longer_than_that_while_itself(
    dry: Dry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking_service.instance.wait_limiter.time", Clock())
    early, late = dry.waiting(2), dry.waiting(1)

    wait_until(lambda: late.errors, seconds=30, what="the third to give up")

    assert [] == early.errors
    dry.allocator.add([Block(5, 7)], low_water=0)
    assert {5, 6} == set(early.join().results)


def test_an_exhausted_series_is_said_to_be_at_once(dry: Dry) -> None:
    waiting = dry.waiting(2)
    error = SeriesExhaustedError()

    dry.allocator.refuse(error)

    assert [SeriesExhaustedError] * 2 == [type(each) for each in waiting.join().errors]
    assert isinstance(refused_at_once(dry.allocator), SeriesExhaustedError)


def test_a_database_that_answers_again_does_not_fill_an_exhausted_series(dry: Dry) -> None:
    dry.allocator.refuse(SeriesExhaustedError())
    dry.allocator.relent()

    assert isinstance(refused_at_once(dry.allocator), SeriesExhaustedError)


def test_trouble_spends_nothing_that_is_left(dry: Dry) -> None:
    dry.allocator.add([Block(5, 7)], low_water=0)
    dry.allocator.refuse(SeriesExhaustedError())

    assert [5, 6] == [dry.allocator.next(), dry.allocator.next()]


@pytest.mark.parametrize("error", [AWAY, SeriesExhaustedError()])
def test_an_error_is_never_raised_twice_as_the_same_object(error: AllocationError) -> None:
    dry = Dry(wait_seconds=0.0)
    dry.allocator.refuse(error)

    raised = [refused_at_once(dry.allocator) for _ in range(3)]

    assert 3 == len({id(each) for each in raised})
    assert error not in raised
    assert error.__traceback__ is None
    assert {str(error)} == set(map(str, raised))


def test_closing_wakes_those_who_wait(dry: Dry) -> None:
    waiting = dry.waiting(4)

    dry.allocator.close()

    assert [ClosedError] * 4 == [type(error) for error in waiting.join().errors]
    assert 4 == len(set(map(id, waiting.errors)))


def test_one_who_waits_for_many_is_known_until_served(dry: Dry) -> None:
    threads = InThreads(1, lambda: dry.allocator.take(15))
    dry.waiters.append(threads)
    wait_until(lambda: dry.allocator.demand == 15, seconds=30, what="the demand")

    dry.allocator.add([Block(0, 10)], low_water=0)
    assert 15 == dry.allocator.demand
    dry.allocator.add([Block(40, 50)], low_water=0)

    assert [(Block(0, 10), Block(40, 45))] == threads.join().results
    assert 0 == dry.allocator.demand
