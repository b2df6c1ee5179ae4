"""The allocator with nothing left: what it raises, and what wakes those that wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.fakes import InThreads
from tests.support.waiting import wait_until
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import AllocationError, ReserveEmptyError, SeriesExhaustedError

AWAY = ReserveEmptyError("the database is away", retry_after=7)


class Calls:
    """Counts `wake_leaser`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def dry(calls: Calls) -> Allocator:
    return Allocator("default", wake_leaser=calls)


def refused(allocator: Allocator) -> AllocationError:
    with pytest.raises(AllocationError) as caught:
        allocator.next()
    return caught.value


def test_more_is_asked_for_by_each_that_finds_nothing(dry: Allocator, calls: Calls) -> None:
    for asked in range(1, 4):
        assert isinstance(refused(dry), ReserveEmptyError)
        assert asked == calls.count


@pytest.mark.parametrize("error", [AWAY, SeriesExhaustedError()])
def test_an_error_is_raised_where_nothing_is_left_and_never_twice_as_one_object(
    dry: Allocator, error: AllocationError
) -> None:
    dry.set_error(error)

    raised = [refused(dry) for _ in range(3)]

    assert {(type(error), str(error))} == {(type(each), str(each)) for each in raised}
    assert 3 == len({id(each) for each in raised})
    assert error not in raised
    assert error.__traceback__ is None


def test_an_error_spends_nothing_that_is_left(dry: Allocator) -> None:
    dry.add([Block(5, 7)], low_water=0)
    dry.set_error(SeriesExhaustedError())

    assert [5, 6] == [dry.next(), dry.next()]


def test_blocks_end_an_error(dry: Allocator) -> None:
    dry.set_error(AWAY)
    dry.add([Block(5, 6)], low_water=0)

    assert dry.error is None


def test_only_a_transient_error_is_cleared(dry: Allocator) -> None:
    dry.set_error(AWAY)
    dry.clear_error()
    assert dry.error is None

    dry.set_error(SeriesExhaustedError())
    dry.clear_error()
    assert isinstance(refused(dry), SeriesExhaustedError)


def test_whether_serials_are_left_is_known(dry: Allocator) -> None:
    before = dry.has_serials
    dry.add([Block(5, 6), Block(8, 9)], low_water=0)
    left = []
    for _ in range(2):
        left.append(dry.has_serials)
        dry.next()

    assert (False, [True, True], False) == (before, left, dry.has_serials)


@pytest.mark.parametrize(
    "change",
    [
        lambda dry: dry.add([Block(5, 6)], low_water=0),
        lambda dry: dry.set_error(AWAY),
        lambda dry: dry.close(),
    ],
    ids=["blocks", "error", "end"],
)
def test_those_that_wait_are_woken(dry: Allocator, change: Callable[[Allocator], object]) -> None:
    waiting = InThreads(4, lambda: dry.wait_for_change(0, 30, demand=1))
    wait_until(lambda: dry.demand == 4, seconds=30, what="four to wait")
    change(dry)

    assert [True] * 4 == waiting.join().results
    assert 0 == dry.demand


def test_a_change_that_came_before_is_not_waited_for(dry: Allocator) -> None:
    seen = dry.changes
    dry.set_error(AWAY)

    assert dry.wait_for_change(seen, 30, demand=1)


@pytest.mark.parametrize("seconds", [0.05, 0.0, -1.0])
def test_a_wait_ends_in_time(dry: Allocator, seconds: float) -> None:
    assert not dry.wait_for_change(dry.changes, seconds, demand=1)


def test_more_is_asked_for_when_the_demand_is_known(dry: Allocator) -> None:
    seen: list[int] = []
    allocator = Allocator("default", wake_leaser=lambda: seen.append(allocator.demand))

    allocator.wait_for_change(allocator.changes, 0.0, demand=15)

    assert [15] == seen
