"""One open series of an instance: its format, and its serials in memory.

Requests take from it, from any thread. What keeps it supplied is in `supply.py`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tracking_service.allocation import (
    Allocator,
    Block,
    BlockStore,
    GuardedLeases,
    HighWaterMarks,
    Observer,
    ReservePlan,
)
from tracking_service.clock import MonotonicClock
from tracking_service.errors import ReserveEmptyError, SeriesExhaustedError
from tracking_service.instance.database_health import DatabaseHealth
from tracking_service.instance.number_spaces import NumberSpace
from tracking_service.instance.numbers_ahead import NumbersAhead, NumbersAheadLimit
from tracking_service.instance.supply import SeriesSupply
from tracking_service.records import SeriesRecord
from tracking_service.telemetry.state import SeriesState
from tracking_service.wait_limiter import Wait


class OpenSeries:
    """A series that this instance issues from."""

    def __init__(
        self,
        record: SeriesRecord,
        space: NumberSpace,
        *,
        instance: str,
        store: BlockStore,
        marks: HighWaterMarks,
        plan: ReservePlan,
        observer: Observer,
        health: DatabaseHealth,
        wait: Callable[[], AbstractContextManager[Wait]],
        wake_leaser: Callable[[], None],
        numbers_limit: NumbersAheadLimit,
        successor_has_serials: Callable[[], bool] = lambda: False,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        """`wait` begins a request's wait; `wake_leaser` wakes the leasing thread; `numbers_limit`
        bounds how many numbers are written before they are asked for; `successor_has_serials`
        returns whether a successor has serials in memory.
        """
        self.name = record.name
        self.format = space.format
        self.allocator = Allocator(record.name, wake_leaser=wake_leaser)
        self.numbers_ahead = NumbersAhead(self.allocator, space.format, numbers_limit)
        leases = GuardedLeases(
            record.name,
            fingerprint=space.fingerprint,
            end_serial=record.end_serial,
            instance=instance,
            store=store,
            marks=marks,
            observer=observer,
        )
        self.supply = SeriesSupply(
            record,
            self.allocator,
            self.numbers_ahead,
            leases,
            store,
            plan=plan,
            observer=observer,
            clock=clock,
        )
        """What only the leasing thread calls and sets."""
        self._health = health
        self._wait = wait
        self._successor_has_serials = successor_has_serials

    def next(self) -> int:
        """Hand out one serial. Raises as `take` does."""
        try:
            return self.allocator.next()
        except (ReserveEmptyError, SeriesExhaustedError):
            return self.take(1)[0].start

    def take(self, count: int) -> tuple[Block, ...]:
        """Hand out `count` serials at once; if fewer are left, wait for a lease.

        Raises ReserveEmptyError if no lease came in time, or none is to be expected and a successor
        has serials; SeriesExhaustedError, SeriesClosedError and ShuttingDownError.
        """
        while True:
            try:
                return self.allocator.take(count)
            except SeriesExhaustedError:
                if not self.numbers_ahead.reclaim():
                    raise
            except ReserveEmptyError:
                if self.numbers_ahead.reclaim():
                    continue
                if self._prefers_successor:
                    raise
                break
        with self._wait() as wait:
            return self._take_when_leased(count, wait)

    def _take_when_leased(self, count: int, wait: Wait) -> tuple[Block, ...]:
        while True:
            seen = self.allocator.changes
            try:
                return self.allocator.take(count)
            except ReserveEmptyError:
                if self.numbers_ahead.reclaim():
                    continue
                failing = self.allocator.error is not None or self._health.failing
                if self._prefers_successor or not wait.may_go_on(failing=failing):
                    raise
            self.allocator.wait_for_change(seen, wait.seconds_left(), demand=count)

    @property
    def _prefers_successor(self) -> bool:
        """Whether not to wait for a lease, as a successor has serials in memory."""
        return (self.supply.exhausted or self._health.failing) and self._successor_has_serials()

    @property
    def has_serials(self) -> bool:
        """Whether any serial is left in memory. Takes no lock, and may be a moment late."""
        return self.allocator.has_serials or self.numbers_ahead.has_numbers

    def state(self) -> SeriesState:
        """What is held now."""
        unspent = self.numbers_ahead.unspent
        return SeriesState(
            self.name,
            self.numbers_ahead.spent,
            sum(map(len, unspent)),
            self.supply.meter.rate,
            self.supply.remaining,
            tuple((block.start, block.end) for block in unspent),
            self.supply.successor,
            self.supply.is_closed,
        )

    def close(self) -> None:
        """Hand out no more."""
        self.numbers_ahead.close()
