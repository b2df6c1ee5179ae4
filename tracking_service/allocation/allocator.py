"""The allocator: hands out the serials of one series in one instance, from memory.

Known as hi/lo or segment allocation; see Hibernate's pooled-lo optimiser and Meituan's Leaf.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from itertools import chain

from tracking_service.allocation.block import Block
from tracking_service.allocation.ranges import Ranges
from tracking_service.errors import AllocationError, ReserveEmptyError, ShuttingDownError


class Allocator:
    """Hands out every serial of its blocks once, in order, to any number of threads.

    Of a block [20000, 30000), leased by moving the series' counter from 20000 to 30000, it hands
    out the serials 20000, 20001, … 29999, and then begins the next block. The invariant: *next is
    the next serial to hand out*. It moves on under the lock before the serial is returned, so that
    no two callers see the same one. A serial below next is never handed out again, whatever happens
    to its caller.

    `next` costs one lock and one comparison until it comes to the low water. There it calls
    `wake_leaser`, once for each refill. No method waits for a database; only `wait_for_change`
    waits at all.
    """

    def __init__(self, series: str, *, wake_leaser: Callable[[], None]) -> None:
        """`wake_leaser` sets the event that `instance/leaser.py` waits for. It is called with the
        lock held, so it must not wait.
        """
        self.series = series
        self._wake_leaser = wake_leaser
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._reserve: deque[Block] = deque()
        self._start = self._next = self._end = self._low_at = 0
        self._low_water = 0
        self._finished = Ranges()
        self._spent_before = 0
        self._kept: list[Block] = []
        self.changes = 0
        """Number of calls of `add`, `set_error` and `close`, which may end a request's wait."""
        self.demand = 0
        """Serials that requests wait for."""
        self.error: AllocationError | None = None
        """The last lease's error; None if it succeeded."""
        self.closed = False
        """Whether `close` was called."""
        self._closed_by: AllocationError = ShuttingDownError()

    def next(self) -> int:
        """Hand out one serial.

        If no serial is left, raises the error that `set_error` set, else ReserveEmptyError. After
        `close` raises the error that `close` was given, or ShuttingDownError.
        """
        with self._lock:
            serial = self._next
            if serial < self._low_at:
                self._next = serial + 1
                return serial
            return self._next_when_low()

    def take(self, count: int) -> tuple[Block, ...]:
        """Hand out `count` serials at once, in as few blocks as possible; all or none.

        Raises as `next` does.
        """
        with self._lock:
            self._require(count)
            taken = []
            while count:
                if self._next == self._end:
                    self._begin(self._reserve.popleft())
                end = min(self._next + count, self._end)
                taken.append(Block(self._next, end))
                count -= end - self._next
                self._next = end
            self._wake_if_low()
            return tuple(taken)

    def take_run(self, most: int) -> Block | None:
        """Hand out up to `most` serials in one block; None at the low water, and if none is left."""
        with self._lock:
            end = min(self._next + most, self._low_at)
            if end <= self._next:
                return None
            run = Block(self._next, end)
            self._next = end
            return run

    def put_back(self, blocks: Iterable[Block]) -> None:
        """Take back serials that were handed out here and that no caller has seen.

        They are handed out again, ahead of the other blocks in the reserve. After `close` they
        are kept unspent, for the next `close` to return.
        """
        with self._lock:
            for block in blocks:
                self._spent_before -= len(block)
                if self.closed:
                    self._kept.append(block)
                else:
                    self._reserve.appendleft(block)
            self._set_low_at()
            self._notify()

    def _next_when_low(self) -> int:
        self._require(1)
        if self._next == self._end:
            self._begin(self._reserve.popleft())
        serial = self._next
        self._next = serial + 1
        self._wake_if_low()
        return serial

    def _require(self, count: int) -> None:
        if self.closed:
            raise copy(self._closed_by)
        if self._left() < count:
            self._wake_leaser()
            # A copy: one error raised by many threads would collect all their tracebacks.
            raise copy(self.error) if self.error else ReserveEmptyError()

    def _wake_if_low(self) -> None:
        if self._next > self._low_at or self._next == self._end:
            # Once for each refill: `add` sets it again.
            self._low_at = self._end
            if self._left() <= self._low_water:
                self._wake_leaser()

    def _begin(self, block: Block) -> None:
        if self._start < self._next:
            self._spent_before += self._next - self._start
            # A block that was put back is a part of one that is finished.
            if self._start not in self._finished:
                self._finished.add(Block(self._start, self._next))
        self._start = self._next = block.start
        self._end = block.end
        self._set_low_at()

    def _left(self) -> int:
        return self._end - self._next + sum(map(len, self._reserve))

    def _set_low_at(self) -> None:
        # The serial that leaves the low water, if it lies in the block in use.
        at = self._next + self._left() - self._low_water - 1
        self._low_at = min(max(at, self._next), self._end)

    def wait_for_change(self, seen: int, seconds: float, *, demand: int) -> bool:
        """Ask for more, and wait until `changes` is no longer `seen`; return False after `seconds`.

        `demand` serials are counted as waited for meanwhile.
        """
        with self._lock:
            self.demand += demand
            # Only now, because the leasing thread reads the demand.
            self._wake_leaser()
            try:
                return self._changed.wait_for(lambda: self.changes != seen, max(0.0, seconds))
            finally:
                self.demand -= demand

    def add(self, blocks: Iterable[Block], *, low_water: int) -> None:
        """Add leased blocks to the reserve; ask for more when at most `low_water` serials are left.

        After `close` they are kept unspent, for the next `close` to return.
        """
        with self._lock:
            if self.closed:
                self._kept.extend(blocks)
                return
            self._reserve.extend(blocks)
            self.error = None
            self._low_water = low_water
            self._set_low_at()
            self._notify()

    def set_low_water(self, low_water: int) -> None:
        """Ask for more when at most `low_water` serials are left."""
        with self._lock:
            # At an unchanged low water the leasing thread has been woken already.
            if low_water != self._low_water:
                self._low_water = low_water
                self._set_low_at()

    def set_error(self, error: AllocationError) -> None:
        """Set the error of requests that wait or find no serial left."""
        with self._lock:
            self.error = error
            self._notify()

    def clear_error(self) -> None:
        """Clear a transient error, because leasing works again."""
        with self._lock:
            if self.error is not None and self.error.transient:
                self.error = None

    def close(self, error: AllocationError | None = None) -> tuple[Block, ...]:
        """Hand out no more, and raise `error` or ShuttingDownError; return all unspent serials.

        A second call returns them again, with the blocks that were added since.
        """
        with self._lock:
            if not self.closed and error is not None:
                self._closed_by = error
            self._kept.extend(self._unspent())
            self._reserve.clear()
            self.closed = True
            # Keeps the count of spent serials, and makes the unspent ones unreachable.
            self._end = self._low_at = self._next
            self._notify()
            return tuple(self._kept)

    def _notify(self) -> None:
        self.changes += 1
        self._changed.notify_all()

    @property
    def spent(self) -> int:
        """Number of serials handed out since the start."""
        with self._lock:
            return self._spent_before + self._next - self._start

    @property
    def left(self) -> int:
        """Number of serials that can be handed out without a lease."""
        with self._lock:
            return self._left()

    @property
    def unspent(self) -> tuple[Block, ...]:
        """The unspent serials: the rest of the block in use, then the reserve."""
        with self._lock:
            return self._unspent()

    @property
    def has_serials(self) -> bool:
        """Whether any serial is left. Takes no lock, as callers may hold another allocator's."""
        return self._next < self._end or bool(self._reserve)

    def has_spent(self, serial: int) -> bool:
        """Whether this serial has been handed out here."""
        with self._lock:
            begun = self._start <= serial < self._next or serial in self._finished
            # What was put back has been begun, too.
            return begun and not any(
                serial in block for block in chain(self._unspent(), self._kept)
            )

    def _unspent(self) -> tuple[Block, ...]:
        rest = (Block(self._next, self._end),) if self._next < self._end else ()
        return rest + tuple(self._reserve)
