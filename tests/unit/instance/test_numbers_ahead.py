"""Numbers written ahead: each once, of a serial that is held until it is handed out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import repeat

import pytest

from tests.support.fakes import InThreads
from tracking_service.allocation import Allocator, Block
from tracking_service.errors import ReserveEmptyError, ShuttingDownError
from tracking_service.instance.numbers_ahead import (
    ASKED,
    LANES_COUNTED,
    RUN_FIRST,
    RUN_MOST,
    NumbersAhead,
    NumbersAheadLimit,
)
from tracking_service.numbering import KEY_BYTES, Format, Shipment, parse

BUSY, OTHER = Shipment("MY", "ID"), Shipment("SG", "MY")
SERIALS = 10_000


def written(pattern: str) -> Format:
    return Format(parse(pattern, "digits"), bytes(KEY_BYTES))


# The serial in the clear, so that a test sees which one it was.
CLEAR = written("{origin}{destination}{serial:7}")


class WaitsToWrite(Format):
    """Writes a run when it is let."""

    def __init__(self) -> None:
        super().__init__(CLEAR.pattern, bytes(KEY_BYTES))
        self.begun, self.may_write = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def encode_many(
        self, start: int, end: int, shipment: Shipment, moment: float | None = None
    ) -> bytes:
        self.begun.set()
        assert self.may_write.wait(30)
        if self.error is not None:
            raise self.error
        return super().encode_many(start, end, shipment, moment)


class Writing:
    """Numbers ahead of an allocator with serials from 0 on."""

    def __init__(
        self, number_format: Format = CLEAR, *, serials: int = SERIALS, limit: int = 65_536
    ) -> None:
        self.allocator = Allocator("default", wake_leaser=lambda: None)
        self.allocator.add([Block(0, serials)], low_water=0)
        self.limit = NumbersAheadLimit(limit)
        self.ahead = NumbersAhead(self.allocator, number_format, self.limit)
        self.ahead.tick(is_scarce=False)

    def ask(self, times: int = 1, lane: Shipment = BUSY) -> list[int]:
        """The serials of as many numbers, those written ahead and those written singly."""
        serials = []
        for _ in range(times):
            number = self.ahead.take_number(lane)
            if number is None:
                serials.append(self.allocator.next())
            else:
                assert number.startswith("".join(lane))
                serials.append(CLEAR.decode(number).serial)
        return serials

    def everything_else(self) -> Iterator[int]:
        """All serials that are left, asked for singly."""
        while True:
            try:
                yield self.allocator.next()
            except ReserveEmptyError:
                if not self.ahead.reclaim():
                    return

    @property
    def waiting(self) -> int:
        """Numbers that are written and not handed out."""
        return self.allocator.spent - self.ahead.spent


def test_a_lane_that_is_asked_seldom_has_no_run() -> None:
    writing = Writing()

    assert list(range(ASKED - 1)) == writing.ask(ASKED - 1)
    assert 0 == writing.waiting


def test_a_lane_that_is_asked_often_gets_its_numbers_from_runs_in_order() -> None:
    writing = Writing()

    assert list(range(1_000)) == writing.ask(1_000)
    assert 0 < writing.waiting < RUN_MOST
    assert 1_000 == writing.ahead.spent


def test_every_lane_gets_numbers_of_its_own_and_no_serial_comes_twice() -> None:
    writing = Writing()
    serials = [
        serial for _ in range(100) for lane in (BUSY, OTHER) for serial in writing.ask(5, lane)
    ]

    serials += writing.everything_else()

    assert list(range(SERIALS)) == sorted(serials)


def test_a_run_grows_with_the_demand_up_to_its_bound() -> None:
    writing = Writing()
    held = set()
    for _ in range(3_000):
        writing.ask()
        held.add(writing.waiting)

    assert {RUN_FIRST - 1, 2 * RUN_FIRST - 1, RUN_MOST - 1} <= held
    assert RUN_MOST - 1 == max(held)


def test_a_lane_whose_run_lasts_gets_no_larger_one() -> None:
    writing = Writing()
    writing.ask(ASKED)
    for _ in range(4 * RUN_FIRST):
        writing.ahead.tick(is_scarce=False)
        writing.ask()

        assert writing.waiting < RUN_FIRST


def test_before_the_first_tick_nothing_is_written_ahead() -> None:
    """Whether a series is scarce is known from its first lease on."""
    allocator = Allocator("default", wake_leaser=lambda: None)
    allocator.add([Block(0, SERIALS)], low_water=0)
    ahead = NumbersAhead(allocator, CLEAR, NumbersAheadLimit())

    assert {None} == {ahead.take_number(BUSY) for _ in range(10 * ASKED)}


def test_an_idle_lane_gives_back_what_it_holds() -> None:
    writing = Writing()
    writing.ask(ASKED)
    writing.ask(ASKED, OTHER)
    writing.ahead.tick(is_scarce=False)
    both = writing.waiting
    writing.ask(1, OTHER)
    writing.ahead.tick(is_scarce=False)
    one = writing.waiting
    writing.ahead.tick(is_scarce=False)

    assert [2 * RUN_FIRST - 2, RUN_FIRST - 2, 0] == [both, one, writing.waiting]
    assert SERIALS == writing.allocator.left + writing.ahead.spent


def test_a_series_that_becomes_scarce_holds_nothing_ahead() -> None:
    writing = Writing()
    writing.ask(ASKED)

    writing.ahead.tick(is_scarce=True)

    assert 0 == writing.waiting
    assert {None} == {writing.ahead.take_number(BUSY) for _ in range(10 * ASKED)}


def test_a_serial_is_spent_when_its_number_is_handed_out() -> None:
    writing = Writing()
    first = writing.ask(ASKED)[-1]
    held = writing.ahead.unspent

    assert [True, False] == [writing.ahead.has_spent(first), writing.ahead.has_spent(first + 1)]
    assert {Block(first + 1, first + RUN_FIRST), Block(first + RUN_FIRST, SERIALS)} == set(held)
    assert ASKED == writing.ahead.spent
    assert [first + 1] == writing.ask()
    assert writing.ahead.has_spent(first + 1)


def test_what_waits_in_one_lane_is_there_for_another_when_no_other_serial_is_left() -> None:
    writing = Writing(serials=RUN_FIRST + ASKED)
    writing.ask(ASKED)
    left = list(writing.everything_else())

    assert list(range(ASKED, RUN_FIRST + ASKED)) == sorted(left)


def test_closing_returns_what_waits_as_unspent() -> None:
    writing = Writing()
    spent = writing.ask(ASKED) + writing.ask(ASKED, OTHER)

    unspent = writing.ahead.close()

    assert set(range(SERIALS)) - set(spent) == {
        s for block in unspent for s in range(block.start, block.end)
    }
    assert writing.ahead.take_number(BUSY) is None
    assert len(spent) == writing.ahead.spent
    with pytest.raises(ShuttingDownError):
        writing.allocator.next()


def test_a_run_that_is_being_written_at_the_end_comes_back_whole() -> None:
    waits = WaitsToWrite()
    writing = Writing(waits)
    writing.ask(ASKED - 1)
    asking = InThreads(1, lambda: writing.ahead.take_number(BUSY))
    assert waits.begun.wait(30)

    held = writing.ahead.spent, writing.ahead.has_spent(ASKED - 1)
    unspent = writing.ahead.close()
    waits.may_write.set()

    assert [None] == asking.join().results
    assert (ASKED - 1, False) == held
    assert set(range(ASKED - 1, SERIALS)) == {
        s for block in unspent for s in range(block.start, block.end)
    }


def test_while_a_run_is_written_others_of_its_lane_write_singly() -> None:
    waits = WaitsToWrite()
    writing = Writing(waits)
    writing.ask(ASKED - 1)
    asking = InThreads(1, lambda: writing.ahead.take_number(BUSY))
    assert waits.begun.wait(30)

    singly = [writing.ahead.take_number(BUSY) for _ in range(3 * ASKED)]
    waits.may_write.set()

    assert {None} == set(singly)
    assert [f"MYID{ASKED - 1:07d}"] == asking.join().results


def test_a_run_that_cannot_be_written_goes_back() -> None:
    waits = WaitsToWrite()
    waits.error = MemoryError()
    waits.may_write.set()
    writing = Writing(waits)
    writing.ask(ASKED - 1)

    with pytest.raises(MemoryError):
        writing.ahead.take_number(BUSY)

    assert 0 == writing.waiting
    assert list(range(ASKED - 1, SERIALS)) == sorted(writing.everything_else())


def test_the_numbers_that_wait_in_all_lanes_are_bounded() -> None:
    writing = Writing(limit=RUN_FIRST + 10)
    writing.ask(ASKED)
    writing.ask(10 * ASKED, OTHER)
    first_lane_alone = writing.waiting
    for _ in range(2):
        writing.ahead.tick(is_scarce=False)
    writing.ask(ASKED, OTHER)

    assert RUN_FIRST - 1 == first_lane_alone
    assert RUN_FIRST - 1 == writing.waiting


def test_lanes_without_a_run_are_counted_within_bounds() -> None:
    """A caller who sends every lane there is makes none of them look busy."""
    writing = Writing(serials=SERIALS * 100)
    codes = [a + b for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ"]
    for _ in range(2 * ASKED):
        for at in range(LANES_COUNTED + 1):
            writing.ahead.take_number(Shipment(codes[at % 100], codes[at // 100]))

    assert 0 == writing.waiting


def test_a_pattern_with_a_date_is_not_written_ahead() -> None:
    writing = Writing(written("{yyyy}{mm}{dd}{serial:7}"))

    assert {None} == {writing.ahead.take_number(BUSY) for _ in range(10 * ASKED)}


@pytest.mark.usefixtures("often_switched")
@pytest.mark.parametrize("attempt", range(5))
def test_no_serial_comes_twice_whatever_happens_at_once(attempt: int) -> None:
    writing = Writing()
    stop = threading.Event()

    def ask() -> list[int]:
        serials: list[int] = []
        for lane in repeat((BUSY, OTHER)[attempt % 2]):
            try:
                serials += writing.ask(1, lane)
            except ReserveEmptyError:
                if not writing.ahead.reclaim() and stop.is_set():
                    return serials
            except ShuttingDownError:
                return serials
        return serials

    def disturb() -> list[int]:
        while not stop.is_set():
            writing.ahead.tick(is_scarce=False)
            writing.ahead.reclaim()
        return []

    asking, disturbing = InThreads(4, ask), InThreads(1, disturb)
    while writing.ahead.spent < SERIALS // 2:
        pass
    unspent = writing.ahead.close()
    stop.set()
    asked, _ = asking.join(), disturbing.join()

    assert [] == asked.errors
    serials = [serial for each in asked.results for serial in each]  # type: ignore[attr-defined]
    serials += [serial for block in unspent for serial in range(block.start, block.end)]
    assert list(range(SERIALS)) == sorted(serials)
