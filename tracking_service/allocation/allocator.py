"""The allocator: hands out the serials of one series in one instance, from memory.

Known as hi/lo or segment allocation; see Hibernate's pooled-lo optimiser and Meituan's Leaf.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass

from tracking_service.allocation.block import Block
from tracking_service.allocation.ranges import Ranges
from tracking_service.errors import AllocationError, ClosedError, ReserveEmptyError
from tracking_service.instance.wait_limiter import Wait, Waiting


@dataclass(frozen=True, slots=True)
class Holding:
    """What an allocator holds at one moment, all in serials."""

    spent: int
    """Handed out since the start."""
    unspent: tuple[Block, ...]
    """What is left: the rest of the block in use, then the reserve."""

    @property
    def left(self) -> int:
        """How many serials can be handed out without a lease."""
        return sum(map(len, self.unspent))


class Allocator:
    """Hands out every serial of the blocks it is given once, in order, to any number of threads.

    The arithmetic: of a block [20000, 30000), leased by moving the series' counter from 20000 to
    30000, the serials 20000, 20001, … 29999 are handed out; then the next block is begun. The
    invariant: *next is the next serial to hand out*; it moves on, under the lock, before the
    serial leaves, so that no two callers see the same one. What the block in use covers is
    [next, end), and a serial below next is never seen again, whatever becomes of its caller.

    `next` costs one lock and one comparison while it is below the mark at which more blocks are
    wanted. At the mark, `on_low` is called, once for each refill, with the lock held: it must do
    no more than wake whoever leases. No method waits for a database; only a caller who comes when
    nothing is left waits, for `add`: `wait_seconds` at the most, and no longer than `waiting` lets
    it, which all allocators of an instance share.
    """

    def __init__(
        self,
        series: str,
        *,
        on_low: Callable[[], None],
        wait_seconds: float = 2.0,
        waiting: Waiting | None = None,
    ) -> None:
        self.series = series
        self._on_low = on_low
        self._wait_seconds = wait_seconds
        self._waiting = waiting or Waiting()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._reserve: deque[Block] = deque()
        self._start = self._next = self._end = self._mark = 0
        self._low_water = 0
        self._finished = Ranges()
        self._spent_before = 0
        self._demand = 0
        self._kept: list[Block] = []
        self._trouble: AllocationError | None = None
        self._closed = False

    def next(self) -> int:
        """Hand out one serial.

        Raises ReserveEmptyError where nothing is left and no lease came in time, the error given
        to `refuse` where that says that none will, and ClosedError after `close`.
        """
        with self._lock:
            serial = self._next
            if serial < self._mark:
                self._next = serial + 1
                return serial
            return self._next_at_mark()

    def take(self, count: int) -> tuple[Block, ...]:
        """Hand out `count` serials at once, in as few blocks as hold them; all of them or none.

        Raises as `next` does.
        """
        with self._lock:
            self._demand += count
            try:
                self._wait_for(count)
            finally:
                self._demand -= count
            taken = []
            while count:
                if self._next == self._end:
                    self._begin(self._reserve.popleft())
                end = min(self._next + count, self._end)
                taken.append(Block(self._next, end))
                count -= end - self._next
                self._next = end
            self._look_at_mark()
            return tuple(taken)

    def _next_at_mark(self) -> int:
        self._wait_for(1)
        if self._next == self._end:
            self._begin(self._reserve.popleft())
        serial = self._next
        self._next = serial + 1
        self._look_at_mark()
        return serial

    def _look_at_mark(self) -> None:
        if self._next > self._mark or self._next == self._end:
            # Once is enough: the mark comes back with the blocks that it asks for.
            self._mark = self._end
            if self._left() <= self._low_water:
                self._on_low()

    def _begin(self, block: Block) -> None:
        if self._start < self._next:
            self._finished.add(Block(self._start, self._next))
            self._spent_before += self._next - self._start
        self._start = self._next = block.start
        self._end = block.end
        self._set_mark()

    def _left(self) -> int:
        return self._end - self._next + sum(map(len, self._reserve))

    def _set_mark(self) -> None:
        # The mark is the serial that leaves just the low water, if it lies in the block in use.
        at = self._next + self._left() - self._low_water - 1
        self._mark = min(max(at, self._next), self._end)

    def _wait_for(self, count: int) -> None:
        """Wait, with the lock released, until `count` serials are in hand."""
        if self._closed:
            raise ClosedError
        if self._left() >= count:
            return
        self._on_low()
        with self._waiting.one(self._wait_seconds) as wait:
            while self._left() < count:
                if not self._worth_waiting(wait):
                    raise self._refusal()
                in_time = self._changed.wait(wait.left())
                if self._closed:
                    raise ClosedError
                if not in_time and self._left() < count:
                    raise self._refusal()

    def _worth_waiting(self, wait: Wait) -> bool:
        """Whether blocks may come, and so few wait while leases fail that one more may."""
        if self._trouble is not None and not isinstance(self._trouble, ReserveEmptyError):
            return False
        failing = self._trouble is not None or self._waiting.failing()
        return not failing or wait.has_place()

    def _refusal(self) -> AllocationError:
        # A copy: an error that many threads raise would gather the tracebacks of all.
        return copy(self._trouble) if self._trouble else ReserveEmptyError()

    def add(self, blocks: Iterable[Block], *, low_water: int) -> None:
        """Put leased blocks into the reserve; ask for more when no more than `low_water` is left.

        After `close` they are kept unspent, for the next `close` to return.
        """
        with self._lock:
            if self._closed:
                self._kept.extend(blocks)
                return
            self._reserve.extend(blocks)
            self._trouble = None
            self._low_water = low_water
            self._set_mark()
            self._changed.notify_all()

    def set_low_water(self, low_water: int) -> None:
        """Ask for more when no more than `low_water` serials are left."""
        with self._lock:
            # Where nothing has changed, who was called already need not be called again.
            if low_water != self._low_water:
                self._low_water = low_water
                self._set_mark()

    def refuse(self, error: AllocationError) -> None:
        """Say why no blocks come; those who wait, and those who find nothing left, learn it."""
        with self._lock:
            self._trouble = error
            self._changed.notify_all()

    def relent(self) -> None:
        """Take back a `refuse` that has nothing to do with this series: leasing works again."""
        with self._lock:
            if isinstance(self._trouble, ReserveEmptyError):
                self._trouble = None

    def close(self) -> tuple[Block, ...]:
        """Hand out no more; return all that was not spent, which nobody will spend here.

        To call it again returns the same, and what a lease under way brought meanwhile.
        """
        with self._lock:
            self._kept.extend(self._unspent())
            self._reserve.clear()
            self._closed = True
            # What was spent stays counted; what was not can no longer be reached.
            self._end = self._mark = self._next
            self._changed.notify_all()
            return tuple(self._kept)

    def holding(self) -> Holding:
        """What is held now."""
        with self._lock:
            return Holding(self._spent_before + self._next - self._start, self._unspent())

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def has_spent(self, serial: int) -> bool:
        """Whether this serial has been handed out here."""
        with self._lock:
            return self._start <= serial < self._next or serial in self._finished

    @property
    def demand(self) -> int:
        """Serials that callers of `take` are waiting for."""
        return self._demand

    @property
    def trouble(self) -> AllocationError | None:
        """Why the last attempt to lease gave nothing, or None where it did."""
        return self._trouble

    def _unspent(self) -> tuple[Block, ...]:
        rest = (Block(self._next, self._end),) if self._next < self._end else ()
        return rest + tuple(self._reserve)
