"""One open series of an instance: its format, its serials in memory, and the leases for them.

Requests call `next` and `take`, from any thread. Only the leasing thread calls the rest, so that it
needs no lock; others read single attributes, each replaced whole.
"""

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tracking_service.allocation import (
    Allocator,
    Block,
    BlockStore,
    GuardedLeases,
    HighWaterMarkFile,
    Observer,
    ReservePlan,
    largest_lease,
)
from tracking_service.allocation.rate import RateMeter
from tracking_service.allocation.reserve import is_scarce
from tracking_service.errors import (
    AllocationError,
    ReserveEmptyError,
    SeriesClosedError,
    SeriesExhaustedError,
    TrackingServiceError,
)
from tracking_service.instance.database_health import Clock, DatabaseHealth
from tracking_service.instance.number_spaces import NumberSpace
from tracking_service.instance.numbers_ahead import AheadLimit, NumbersAhead
from tracking_service.numbering import Shipment
from tracking_service.records import SeriesRecord
from tracking_service.telemetry.state import SeriesState
from tracking_service.wait_limiter import Wait

log = logging.getLogger(__name__)

BURST_SECONDS = 10.0
"""If a lease is used up within this time, the next one is larger."""

EXHAUSTED_SECONDS = 10.0
"""Retry interval for an exhausted series: another instance may have handed a tail back."""

ENDING_BLOCKS = 1000
"""With fewer blocks than this left in a series its successor is opened. From there on a lease is of
one block (see `largest_lease`), so that a fleet does not come to the end before it."""

TROUBLE_SECONDS = 5.0
"""Retry interval after another error that concerns one series only."""


class OpenSeries:
    """A series that this instance issues from."""

    def __init__(
        self,
        record: SeriesRecord,
        space: NumberSpace,
        *,
        instance: str,
        store: BlockStore,
        marks: HighWaterMarkFile,
        plan: ReservePlan,
        observer: Observer,
        health: DatabaseHealth,
        wait: Callable[[], AbstractContextManager[Wait]],
        wake: Callable[[], None],
        ahead: AheadLimit,
        has_relief: Callable[[], bool] = lambda: False,
        clock: Clock = time.monotonic,
    ) -> None:
        """`wait` begins a request's wait; `wake` wakes the leasing thread; `ahead` bounds how many
        numbers are written before they are asked for; `has_relief` returns whether a successor has
        serials in memory.
        """
        self.name = record.name
        self.format = space.format
        self.allocator = Allocator(record.name, on_low=wake)
        self._ahead = NumbersAhead(self.allocator, space.format, ahead)
        self.meter = RateMeter()
        """Serials a second that this instance spends."""
        self.remaining: int | None = None
        """Serials that no lease had taken at the last lease; None before the first."""
        self.error: TrackingServiceError | None = None
        """The last lease's error, if it concerns this series only."""
        self.successor = record.successor
        """The series to issue from when this one has no serials left."""
        self.exhausted = False
        """Whether the last lease found no serials left, or the series is closed."""
        self.is_closed = False
        """Whether the series is closed here: none of its serials is handed out any more."""
        self.is_to_close = False
        """Whether an operator has closed the series."""
        self._store = store
        self._leases = GuardedLeases(
            record.name,
            fingerprint=space.fingerprint,
            end_serial=record.end_serial,
            instance=instance,
            store=store,
            marks=marks,
            observer=observer,
        )
        self._block_size = record.block_size
        self._plan = plan
        self._observer = observer
        self._health = health
        self._wait = wait
        self._clock = clock
        self._last_blocks = 0
        self._leased_at = self._ask_again_at = float("-inf")
        self.failed_at = float("-inf")
        """When a lease for this series last failed, on the clock."""
        self._has_relief = has_relief
        self._has_handed_back = False
        if record.closed_at is not None:
            self._close_for_good()
            self._has_handed_back = True

    def take_written(self, lane: Shipment) -> str | None:
        """Hand out a number that was written ahead for a shipment; None if there is none.

        There is one only for shipments that the format accepts.
        """
        return self._ahead.take(lane)

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
                if not self._ahead.reclaim():
                    raise
            except ReserveEmptyError:
                if self._ahead.reclaim():
                    continue
                if self._gives_way:
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
                if self._ahead.reclaim():
                    continue
                failing = self.allocator.error is not None or self._health.failing
                if self._gives_way or not wait.may_go_on(failing=failing):
                    raise
            self.allocator.wait_for_change(seen, wait.seconds_left(), demand=count)

    @property
    def _gives_way(self) -> bool:
        """Whether not to wait for a lease, as a successor has serials in memory."""
        return (self.exhausted or self._health.failing) and self._has_relief()

    @property
    def has_serials(self) -> bool:
        """Whether any serial is left in memory. Takes no lock, and may be a moment late."""
        return self.allocator.has_serials or self._ahead.has_numbers

    @property
    def is_ending(self) -> bool:
        """Whether so few serials are left in the series that its successor is to be open."""
        if self.remaining is None:
            return False
        return self.exhausted or self.remaining < ENDING_BLOCKS * self._block_size

    @property
    def is_scarce(self) -> bool:
        """Whether few serials are left in the series; True before the first lease."""
        return self.remaining is None or is_scarce(self.remaining, self._block_size)

    def state(self) -> SeriesState:
        """What is held now."""
        unspent = self._ahead.unspent
        return SeriesState(
            self.name,
            self._ahead.spent,
            sum(map(len, unspent)),
            self.meter.rate,
            self.remaining,
            tuple((block.start, block.end) for block in unspent),
            self.successor,
            self.is_closed,
        )

    def has_spent(self, serial: int) -> bool:
        """Whether this instance has handed the serial out."""
        return self._ahead.has_spent(serial)

    def measure(self) -> None:
        """Measure the rate, set the allocator's low water by it, and empty the lanes that are idle.

        Call it about once a second.
        """
        self.meter.sample(self._ahead.spent, self._clock())
        self._ahead.tick(is_scarce=self.is_scarce)
        self.allocator.set_low_water(self._low_water())

    def lease_if_low(self, *, at_least: int = 0) -> bool:
        """Lease once if the allocator wants more; return whether the database was asked.

        `at_least` so many blocks are leased in any case, unless the series is left alone.

        Call it until it returns False. Raises StoreError and HighWaterMarkError. An error that
        concerns this series only is kept in `error`, and not raised; the series is left alone for
        a while, so that others are leased for.
        """
        began = self._clock()
        # A closed allocator keeps nothing.
        if began < self._ask_again_at or self.allocator.closed:
            return False
        blocks = max(at_least, self._blocks_wanted(began))
        if not blocks:
            return False
        try:
            lease = self._leases.lease(blocks)
        except SeriesClosedError:
            # The lease has heard of it first; `retire` does the rest, in the same round.
            self.is_to_close = True
            return False
        except SeriesExhaustedError as error:
            # First, for `set_error` ends the wait of requests, which look at it.
            self.exhausted = True
            self.remaining = 0
            self._leave_alone(error, began, EXHAUSTED_SECONDS, told=error)
            return True
        except TrackingServiceError as error:
            if not error.concerns_one_series:
                self.failed_at = self._clock()
                raise
            told = ReserveEmptyError(retry_after=math.ceil(TROUBLE_SECONDS))
            self._leave_alone(error, began, TROUBLE_SECONDS, told=told)
            return True
        now = self._clock()
        self.error = None
        self.exhausted = False
        self.remaining = lease.remaining
        # What was leased, not what was wanted: a small tail does not mean a burst.
        self._last_blocks, self._leased_at = len(lease.block) // self._block_size, now
        self.allocator.add([lease.block], low_water=self._low_water())
        self._observer.leased(self.name, len(lease.block), now - began)
        return True

    def close(self) -> None:
        """Hand out no more."""
        self._ahead.close()

    def retire(self) -> None:
        """Close the series for good, and hand back what was not spent of it; once is enough.

        Raises StoreError, and then is to be called again.
        """
        if self._has_handed_back:
            return
        if not self.is_closed:
            log.warning("a series was closed", extra={"series": self.name})
            self._close_for_good()
        self.hand_back()
        self._has_handed_back = True

    def _close_for_good(self) -> None:
        self.error = error = SeriesClosedError.of(self.name)
        self.exhausted = self.is_closed = True
        self.remaining = 0
        self._ahead.close(error)

    def hand_back(self) -> int:
        """Close the allocator and hand back what was not spent; return how many serials went back.

        Raises StoreError.
        """
        serials = self._store.hand_back(self.name, self._ahead.close() + self._leases.kept_aside)
        self._observer.handed_back(self.name, serials)
        return serials

    def _leave_alone(
        self, error: TrackingServiceError, began: float, seconds: float, *, told: AllocationError
    ) -> None:
        now = self._clock()
        self._observer.lease_failed(error, now - began)
        if type(error) is not type(self.error):
            self._log_trouble(error)
        self.error = error
        self._ask_again_at = now + seconds
        self.allocator.set_error(told)

    def _log_trouble(self, error: TrackingServiceError) -> None:
        if self.exhausted and self.successor is not None:
            log.info(
                "a series has no serials left, and its successor takes over",
                extra={"series": self.name, "successor": self.successor},
            )
            return
        log.error(
            "leasing failed for one series; it is tried again until it succeeds",
            extra={"series": self.name, "error": str(error)},
        )

    def _low_water(self) -> int:
        return self._plan.low_water(self.meter.rate, self._block_size, scarce=self.is_scarce)

    def _blocks_wanted(self, now: float) -> int:
        burst = now - self._leased_at < BURST_SECONDS
        wanted = self._plan.blocks_wanted(
            self.meter.rate,
            self._block_size,
            held=self.allocator.left - self.allocator.demand,
            last=self._last_blocks if burst else 0,
            scarce=self.is_scarce,
        )
        return min(wanted, largest_lease(self.remaining or 0, self._block_size))
