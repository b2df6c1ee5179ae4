"""The allocator with serials in hand: each once, in order, and more asked for in time."""

import threading

import pytest

from tests.support.fakes import InThreads, next_when_added
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import ReserveEmptyError


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
def allocator(calls: Calls) -> Allocator:
    return Allocator("default", wake_leaser=calls)


def test_serials_come_in_order_and_each_once(allocator: Allocator) -> None:
    allocator.add([Block(20, 23), Block(50, 52)], low_water=0)
    allocator.add([Block(7, 8)], low_water=0)

    assert [20, 21, 22, 50, 51, 7] == [allocator.next() for _ in range(6)]
    with pytest.raises(ReserveEmptyError):
        allocator.next()


def test_what_is_held_is_told(allocator: Allocator) -> None:
    allocator.add([Block(20, 23), Block(50, 52)], low_water=0)
    for _ in range(2):
        allocator.next()

    assert (Block(22, 23), Block(50, 52)) == allocator.unspent
    assert (3, 2) == (allocator.left, allocator.spent)


def test_what_was_spent_is_counted_over_all_blocks(allocator: Allocator) -> None:
    allocator.add([Block(20, 23), Block(50, 52)], low_water=0)

    for spent in range(1, 6):
        allocator.next()
        assert spent == allocator.spent

    allocator.close()

    assert 5 == allocator.spent


@pytest.mark.parametrize("low_water", [0, 1, 4, 9])
def test_more_is_asked_for_once_and_exactly_at_the_low_water(
    allocator: Allocator, calls: Calls, low_water: int
) -> None:
    allocator.add([Block(0, 10)], low_water=low_water)
    asked_at: list[int] = []
    for _ in range(10):
        allocator.next()
        if calls.count > len(asked_at):
            asked_at.append(allocator.left)

    assert [low_water] == asked_at
    assert 1 == calls.count


def test_the_low_water_may_lie_in_the_reserve(allocator: Allocator, calls: Calls) -> None:
    allocator.add([Block(0, 10), Block(10, 20)], low_water=15)
    for _ in range(4):
        allocator.next()
    assert 0 == calls.count

    allocator.next()

    assert 1 == calls.count


def test_each_refill_is_asked_for_once(allocator: Allocator, calls: Calls) -> None:
    for refill in range(1, 6):
        start = 100 * refill
        allocator.add([Block(start, start + 10)], low_water=5)
        while allocator.left > 3:
            allocator.next()

        assert refill == calls.count


def test_a_refill_that_is_soon_used_up_is_followed_by_another_call(
    allocator: Allocator, calls: Calls
) -> None:
    allocator.add([Block(0, 10)], low_water=5)
    for _ in range(5):
        allocator.next()
    assert 1 == calls.count

    allocator.add([Block(10, 12)], low_water=6)
    allocator.next()

    assert 2 == calls.count


def test_a_low_water_that_rose_is_asked_for_with_the_next_serial(
    allocator: Allocator, calls: Calls
) -> None:
    allocator.add([Block(0, 100)], low_water=5)
    allocator.next()

    allocator.set_low_water(99)
    assert 0 == calls.count
    allocator.next()

    assert 1 == calls.count


def test_a_low_water_that_stays_asks_no_second_time(allocator: Allocator, calls: Calls) -> None:
    allocator.add([Block(0, 100)], low_water=99)
    for _ in range(10):
        allocator.next()
        allocator.set_low_water(99)

    assert 1 == calls.count


@pytest.mark.usefixtures("often_switched")
@pytest.mark.parametrize("threads", [16, 100])
def test_threads_that_hammer_get_each_serial_once_while_blocks_are_added(threads: int) -> None:
    each = 20_000 // threads
    low = threading.Semaphore(1)
    allocator = Allocator("default", wake_leaser=low.release)

    def refill() -> None:
        for start in range(0, threads * each, 50):
            assert low.acquire(timeout=30)
            allocator.add([Block(start, start + 50)], low_water=25)

    def hammer() -> list[int]:
        return [next_when_added(allocator) for _ in range(each)]

    filler = InThreads(1, refill)
    hammered = InThreads(threads, hammer).join()
    filler.join()

    got = [serial for serials in hammered.results for serial in serials]  # type: ignore[attr-defined]
    assert [] == hammered.errors + filler.errors
    assert list(range(threads * each)) == sorted(got)
    assert threads * each == allocator.spent
    assert 0 == allocator.left
    assert all(serials == sorted(serials) for serials in hammered.results)  # type: ignore[call-overload]


def test_many_at_once_are_all_or_none(allocator: Allocator) -> None:
    allocator.add([Block(0, 10), Block(50, 60)], low_water=0)
    allocator.next()

    assert (Block(1, 10), Block(50, 55)) == allocator.take(14)
    with pytest.raises(ReserveEmptyError):
        allocator.take(6)
    assert (Block(55, 60),) == allocator.take(5)
    assert 20 == allocator.spent


def test_many_at_once_ask_for_more_at_the_low_water(allocator: Allocator, calls: Calls) -> None:
    allocator.add([Block(0, 100)], low_water=50)

    allocator.take(49)
    assert 0 == calls.count
    allocator.take(1)

    assert 1 == calls.count


@pytest.mark.usefixtures("often_switched")
def test_many_at_once_and_single_serials_never_meet() -> None:
    allocator = Allocator("default", wake_leaser=lambda: None)
    allocator.add((Block(start, start + 37) for start in range(0, 37_000, 37)), low_water=0)

    def hammer() -> list[int]:
        got = []
        for count in range(1, 41):
            got.append(allocator.next())
            got.extend(serial for block in allocator.take(count) for serial in range(*_ends(block)))
        return got

    hammered = InThreads(30, hammer).join()
    got = [serial for serials in hammered.results for serial in serials]  # type: ignore[attr-defined]

    assert [] == hammered.errors
    assert list(range(30 * 860)) == sorted(got)


def _ends(block: Block) -> tuple[int, int]:
    return block.start, block.end


def test_what_was_spent_is_known_serial_by_serial(allocator: Allocator) -> None:
    allocator.add([Block(0, 3), Block(10, 13)], low_water=0)
    for _ in range(4):
        allocator.next()

    assert [0, 1, 2, 10] == [serial for serial in range(20) if allocator.has_spent(serial)]


def test_what_was_not_spent_stays_so_after_the_end(allocator: Allocator) -> None:
    allocator.add([Block(0, 3)], low_water=0)
    allocator.next()

    allocator.close()

    assert [0] == [serial for serial in range(5) if allocator.has_spent(serial)]


def test_a_run_is_one_block_that_ends_at_the_mark_at_most(
    allocator: Allocator, calls: Calls
) -> None:
    allocator.add([Block(0, 10), Block(20, 30)], low_water=14)

    first = allocator.next()
    runs = [allocator.take_run(3), allocator.take_run(3), allocator.take_run(3)]

    assert 0 == first
    assert [Block(1, 4), Block(4, 5), None] == runs
    assert 0 == calls.count
    assert 5 == allocator.next()
    assert 1 == calls.count
    assert Block(6, 9) == allocator.take_run(3)


def test_no_run_comes_of_an_allocator_without_serials(allocator: Allocator) -> None:
    assert allocator.take_run(3) is None
    allocator.add([Block(0, 10)], low_water=0)
    allocator.close()
    assert allocator.take_run(3) is None


def test_what_is_put_back_is_handed_out_again_and_once(allocator: Allocator) -> None:
    allocator.add([Block(0, 10), Block(20, 22)], low_water=0)
    serials = [allocator.next()]
    run = allocator.take_run(4)
    serials.append(allocator.next())
    assert run == Block(1, 5)

    allocator.put_back([Block(3, 5)])

    assert (4, 8) == (allocator.spent, allocator.left)
    assert [True, True, False, False, True, False] == list(map(allocator.has_spent, range(1, 7)))
    serials += [allocator.next() for _ in range(8)]
    assert [0, 5, 6, 7, 8, 9, 3, 4, 20, 21] == serials
    assert all(map(allocator.has_spent, [*range(10), 20, 21]))
    assert 12 == allocator.spent
    with pytest.raises(ReserveEmptyError):
        allocator.next()


def test_what_is_put_back_twice_in_parts_is_counted_right(allocator: Allocator) -> None:
    allocator.add([Block(0, 4)], low_water=0)
    assert (Block(0, 4),) == allocator.take(4)

    allocator.put_back([Block(0, 4)])
    first = allocator.take(3)
    allocator.put_back([Block(1, 2)])

    assert (Block(0, 3),) == first
    assert 2 == allocator.spent
    assert [True, False, True, False] == list(map(allocator.has_spent, range(4)))
    assert {1, 3} == {allocator.next(), allocator.next()}
    assert all(map(allocator.has_spent, range(4)))
    assert (4, 0) == (allocator.spent, allocator.left)


def test_what_is_put_back_ends_a_wait(allocator: Allocator) -> None:
    allocator.add([Block(0, 1)], low_water=0)
    allocator.next()
    seen = allocator.changes

    allocator.put_back([Block(0, 1)])

    assert allocator.wait_for_change(seen, 0.0, demand=1)
    assert 0 == allocator.next()
