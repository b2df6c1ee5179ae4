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
        clock: Clock = time.monotonic,
    ) -> None:
        """`wait` begins a request's wait; `wake` wakes the leasing thread; `ahead` bounds how many
        numbers are written before they are asked for.
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

        Raises ReserveEmptyError if no lease came in time, SeriesExhaustedError, and
        ShuttingDownError.
        """
        while True:
            try:
                return self.allocator.take(count)
            except SeriesExhaustedError:
                if not self._ahead.reclaim():
                    raise
            except ReserveEmptyError:
                if not self._ahead.reclaim():
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
                if not wait.may_go_on(failing=failing):
                    raise
            self.allocator.wait_for_change(seen, wait.seconds_left(), demand=count)

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

    def lease_if_low(self) -> bool:
        """Lease once if the allocator wants more; return whether the database was asked.

        Call it until it returns False. Raises StoreError and HighWaterMarkError. An error that
        concerns this series only is kept in `error`, and not raised; the series is left alone for
        a while, so that others are leased for.
        """
        began = self._clock()
        blocks = self._blocks_wanted(began)
        if not blocks:
            return False
        try:
            lease = self._leases.lease(blocks)
        except SeriesExhaustedError as error:
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
        self.remaining = lease.remaining
        # What was leased, not what was wanted: a small tail does not mean a burst.
        self._last_blocks, self._leased_at = len(lease.block) // self._block_size, now
        self.allocator.add([lease.block], low_water=self._low_water())
        self._observer.leased(self.name, len(lease.block), now - began)
        return True

    def close(self) -> None:
        """Hand out no more."""
        self._ahead.close()

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
            log.error(
                "leasing failed for one series; it is tried again until it succeeds",
                extra={"series": self.name, "error": str(error)},
            )
        self.error = error
        self._ask_again_at = now + seconds
        self.allocator.set_error(told)

    def _low_water(self) -> int:
        return self._plan.low_water(self.meter.rate, self._block_size, scarce=self.is_scarce)

    def _blocks_wanted(self, now: float) -> int:
        # A closed allocator keeps nothing.
        if now < self._ask_again_at or self.allocator.closed:
            return 0
        burst = now - self._leased_at < BURST_SECONDS
        wanted = self._plan.blocks_wanted(
            self.meter.rate,
            self._block_size,
            held=self.allocator.left - self.allocator.demand,
            last=self._last_blocks if burst else 0,
            scarce=self.is_scarce,
        )
        return min(wanted, largest_lease(self.remaining or 0, self._block_size))
