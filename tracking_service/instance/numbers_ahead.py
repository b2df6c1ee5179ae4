"""Numbers of one series that are written before they are asked for, in runs by lane.

A lane is a shipment's origin and destination. To write a number costs microseconds; to write
hundreds at once, with numpy, costs a tenth of that for each. So a lane that is asked often takes a
run of serials at once and hands the numbers out; a lane that is asked seldom has none.

The serial of a number that waits in a lane is not spent: it counts as held, verifies as reserved,
and goes back to the allocator when the lane is idle, when the series runs low, and at the end.
"""

import threading
from dataclasses import dataclass, field

from tracking_service.allocation import Allocator, Block
from tracking_service.errors import AllocationError
from tracking_service.numbering import Format, Shipment

ASKED = 8
"""Numbers that a lane is asked for within one tick before it gets its first run."""

RUN_FIRST, RUN_MOST = 64, 256
"""Serials in a lane's first run, and at most. A run that is used up within a tick makes the next
one twice as long."""

LANES_COUNTED = 1_024
"""Lanes without a run whose requests are counted; at more, counting begins anew."""

NUMBERS_MOST = 65_536
"""Numbers that wait in all lanes of one process, at most: some 5 MB."""


class NumbersAheadLimit:
    """Bounds how many numbers wait in all lanes of all series of one process."""

    def __init__(self, numbers: int = NUMBERS_MOST) -> None:
        self._free = numbers
        self._lock = threading.Lock()

    def try_acquire(self, numbers: int) -> bool:
        """Take room for so many numbers, all or none; return whether there was room."""
        with self._lock:
            if self._free < numbers:
                return False
            self._free -= numbers
            return True

    def release(self, numbers: int) -> None:
        """Give room back."""
        with self._lock:
            self._free += numbers


@dataclass(slots=True)
class _Run:
    """Serials [block.start, block.end) of one lane, and the numbers of those not handed out."""

    block: Block
    tick: int
    numbers: list[str] = field(default_factory=list)
    """The last serial's first, so that `pop` hands them out in order."""
    is_written: bool = False
    left_at_tick: int = -1

    def left(self) -> tuple[Block, ...]:
        """The serials that were not handed out."""
        if not self.is_written:
            return (self.block,)
        start = self.block.end - len(self.numbers)
        return (Block(start, self.block.end),) if self.numbers else ()


class NumbersAhead:
    """Hands out numbers written ahead. Its methods may be called from any number of threads.

    One lock guards all lanes of the series. The allocator's is taken inside it, never around it.
    """

    def __init__(
        self, allocator: Allocator, number_format: Format, limit: NumbersAheadLimit
    ) -> None:
        """A pattern that shows a date gets no runs, for its numbers show when they are issued."""
        self._allocator = allocator
        self._format = number_format
        self._limit = limit
        self._lock = threading.Lock()
        self._runs: dict[Shipment, _Run] = {}
        self._asked: dict[Shipment, int] = {}
        self._tick = 0
        self._writes = False
        self._is_dated = number_format.pattern.is_dated

    def take_number(self, lane: Shipment) -> str | None:
        """Hand out a number of this lane; None if there is none, and one is to be written singly.

        A lane has a run only if the format accepts its shipments.
        """
        with self._lock:
            run = self._runs.get(lane)
            if run is not None and run.numbers:
                return run.numbers.pop()
            if not self._writes:
                return None
            begun = self._begin_run(lane, run)
        return None if begun is None else self._write(lane, begun)

    def tick(self, *, is_scarce: bool) -> None:
        """Take back what idle lanes hold; of a scarce series, what all hold. Once a second or so.

        A series writes ahead from its first tick on, while it is not scarce.
        """
        with self._lock:
            self._writes = not is_scarce and not self._is_dated and not self._allocator.closed
            self._tick += 1
            self._asked.clear()
            for lane, run in tuple(self._runs.items()):
                left = len(run.numbers)
                if is_scarce or (run.is_written and left == run.left_at_tick):
                    self._end_run(lane)
                run.left_at_tick = left

    def reclaim(self) -> bool:
        """Put all that waits back into the allocator; return whether there was any."""
        with self._lock:
            left = self._left()
            for lane in tuple(self._runs):
                self._end_run(lane)
            return bool(left)

    def close(self, error: AllocationError | None = None) -> tuple[Block, ...]:
        """Close the allocator, with what waits here put back; return what it returns."""
        with self._lock:
            self._writes = False
            for lane in tuple(self._runs):
                self._end_run(lane)
            return self._allocator.close(error)

    @property
    def has_numbers(self) -> bool:
        """Whether any number waits here. Takes no lock."""
        return bool(self._runs)

    @property
    def spent(self) -> int:
        """How many serials of the series were handed out since the start."""
        with self._lock:
            return self._allocator.spent - sum(map(len, self._left()))

    @property
    def unspent(self) -> tuple[Block, ...]:
        """What is left, here and in the allocator."""
        with self._lock:
            return self._left() + self._allocator.unspent

    def has_spent(self, serial: int) -> bool:
        """Whether this serial has been handed out here."""
        with self._lock:
            return self._allocator.has_spent(serial) and not any(
                serial in block for block in self._left()
            )

    def _left(self) -> tuple[Block, ...]:
        return tuple(block for run in self._runs.values() for block in run.left())

    def _begin_run(self, lane: Shipment, last: _Run | None) -> _Run | None:
        """Take serials for a run of a lane that is asked often. Called with the lock held."""
        if last is None:
            asked = self._asked.get(lane, 0) + 1
            if asked < ASKED:
                if len(self._asked) >= LANES_COUNTED:
                    self._asked.clear()
                self._asked[lane] = asked
                return None
            size = RUN_FIRST
        elif not last.is_written:
            # Another thread writes this lane's run just now.
            return None
        else:
            size = len(last.block)
            if self._tick - last.tick <= 1:
                size = min(2 * size, RUN_MOST)
            self._end_run(lane)
        if not self._limit.try_acquire(size):
            return None
        block = self._allocator.take_run(size)
        if block is None:
            self._limit.release(size)
            return None
        self._limit.release(size - len(block))
        run = self._runs[lane] = _Run(block, self._tick)
        return run

    def _end_run(self, lane: Shipment) -> None:
        """Put back what is left of a lane's run. Called with the lock held."""
        run = self._runs.pop(lane)
        self._allocator.put_back(run.left())
        self._limit.release(len(run.block))

    def _write(self, lane: Shipment, run: _Run) -> str | None:
        """Write a run that has begun, and hand out its first number.

        None if the run was ended meanwhile: its serials have gone back.
        """
        width = self._format.width
        try:
            text = self._format.encode_many(run.block.start, run.block.end, lane).decode("ascii")
        except BaseException:
            with self._lock:
                if self._runs.get(lane) is run:
                    self._end_run(lane)
            raise
        numbers = [text[at : at + width] for at in range(0, len(text), width)]
        numbers.reverse()
        with self._lock:
            if self._runs.get(lane) is not run:
                return None
            run.numbers, run.is_written = numbers, True
            return numbers.pop()
