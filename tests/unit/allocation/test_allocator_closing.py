"""The allocator's end: what was not spent comes back, and nothing is handed out any more."""

import threading

import pytest

from tests.support.fakes import InThreads, next_when_added
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import ShuttingDownError


@pytest.fixture
def allocator() -> Allocator:
    return Allocator("default", wake_leaser=lambda: None)


def test_closing_returns_exactly_the_rest(allocator: Allocator) -> None:
    allocator.add([Block(0, 10), Block(50, 60)], low_water=0)
    for _ in range(3):
        allocator.next()

    assert {Block(3, 10), Block(50, 60)} == set(allocator.close())


def test_a_block_that_was_spent_whole_does_not_come_back(allocator: Allocator) -> None:
    allocator.add([Block(0, 3), Block(50, 60)], low_water=0)
    for _ in range(3):
        allocator.next()

    assert (Block(50, 60),) == allocator.close()


def test_nothing_is_handed_out_after_closing(allocator: Allocator) -> None:
    allocator.add([Block(0, 10)], low_water=0)
    allocator.next()
    allocator.close()

    for give in (allocator.next, lambda: allocator.take(1)):
        with pytest.raises(ShuttingDownError):
            give()
    allocator.add([Block(50, 60)], low_water=0)
    for give in (allocator.next, lambda: allocator.take(1)):
        with pytest.raises(ShuttingDownError):
            give()
    assert 1 == allocator.spent


def test_a_lease_that_was_under_way_comes_back_with_the_next_close(allocator: Allocator) -> None:
    allocator.add([Block(0, 10)], low_water=0)
    allocator.next()
    first = allocator.close()

    allocator.add([Block(50, 60)], low_water=0)

    assert (Block(1, 10),) == first
    assert {Block(1, 10), Block(50, 60)} == set(allocator.close()) == set(allocator.close())


@pytest.mark.usefixtures("often_switched")
@pytest.mark.parametrize("attempt", range(10))
def test_closing_amid_hammering_threads_parts_all_into_spent_and_unspent(attempt: int) -> None:
    low = threading.Event()
    enough = threading.Event()
    allocator = Allocator("default", wake_leaser=low.set)
    added: list[int] = []

    def refill() -> None:
        start = 0
        while not allocator.closed:
            allocator.add([Block(start, start + 64)], low_water=32)
            added.extend(range(start, start + 64))
            start += 64
            if start > 640 * (attempt + 1):
                enough.set()
            low.wait(0.01)
            low.clear()

    def hammer() -> list[int]:
        got = []
        while True:
            try:
                got.append(next_when_added(allocator))
            except ShuttingDownError:
                return got

    filler = InThreads(1, refill)
    hammering = InThreads(16, hammer)
    assert enough.wait(30)
    allocator.close()
    hammering.join()
    filler.join()

    assert [] == hammering.errors + filler.errors
    spent = [serial for got in hammering.results for serial in got]  # type: ignore[attr-defined]
    unspent = [serial for block in allocator.close() for serial in range(block.start, block.end)]
    assert sorted(added) == sorted(spent + unspent)
    assert len(spent) == allocator.spent


def test_what_is_put_back_after_closing_comes_back_and_is_not_spent(allocator: Allocator) -> None:
    allocator.add([Block(0, 10)], low_water=0)
    allocator.next()
    allocator.take_run(4)
    allocator.close()

    allocator.put_back([Block(2, 5)])

    assert {Block(2, 5), Block(5, 10)} == set(allocator.close())
    assert [True, True, False, False, False, False] == list(map(allocator.has_spent, range(6)))
    assert 2 == allocator.spent
    with pytest.raises(ShuttingDownError):
        allocator.next()
