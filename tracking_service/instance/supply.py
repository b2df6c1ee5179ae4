"""The supply of one open series: what the leasing thread does so that requests find serials.

It measures how fast serials are spent, leases before they run out, and hands them back at the end.
"""

import logging
import math
import time

from tracking_service.allocation import (
    Allocator,
    Block,
    BlockStore,
    GuardedLeases,
    Observer,
    ReservePlan,
    largest_lease,
)
from tracking_service.allocation.rate import RateMeter
from tracking_service.allocation.reserve import is_scarce
from tracking_service.clock import MonotonicClock
from tracking_service.errors import (
    AllocationError,
    ReserveEmptyError,
    SeriesClosedError,
    SeriesExhaustedError,
    TrackingServiceError,
)
from tracking_service.instance.numbers_ahead import NumbersAhead
from tracking_service.records import SeriesNotice, SeriesRecord

log = logging.getLogger(__name__)

BURST_SECONDS = 10.0
"""If a lease is used up within this time, the next one is larger."""

EXHAUSTED_SECONDS = 10.0
"""Retry interval for an exhausted series: another instance may have handed a tail back."""

ENDING_BLOCKS = 1000
"""When fewer blocks than this are left in a series, its successor is opened. From there on a lease
is of one block (see `largest_lease`), so that a fleet opens the successor in time."""

TROUBLE_SECONDS = 5.0
"""Retry interval after another error that concerns one series only."""


class SeriesSupply:
    """Keeps the allocator of one series supplied.

    Only the leasing thread calls its methods, so that it needs no lock. Others read single
    attributes, each replaced whole.
    """

    def __init__(
        self,
        record: SeriesRecord,
        allocator: Allocator,
        numbers_ahead: NumbersAhead,
        leases: GuardedLeases,
        store: BlockStore,
        *,
        plan: ReservePlan,
        observer: Observer,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        """`numbers_ahead` holds numbers of serials of the allocator; unspent serials go back to
        `store`.
        """
        self.meter = RateMeter()
        """Serials a second that this instance spends."""
        self.remaining: int | None = None
        """Serials that no lease had taken at the last lease; None before the first."""
        self.error: TrackingServiceError | None = None
        """The last lease's error, if it concerns this series only."""
        self.failed_at = float("-inf")
        """When a lease for this series last failed, on the clock."""
        self.successor = record.successor
        """The series to issue from when this one has no serials left."""
        self.exhausted = False
        """Whether the last lease found no serials left, or the series is closed."""
        self.is_closed = False
        """Whether the series is closed here: none of its serials is handed out any more."""
        self.is_to_close = False
        """Whether an operator has closed the series."""
        self._name = record.name
        self._block_size = record.block_size
        self._allocator = allocator
        self._numbers_ahead = numbers_ahead
        self._leases = leases
        self._store = store
        self._plan = plan
        self._observer = observer
        self._clock = clock
        self._last_blocks = 0
        self._leased_at = self._ask_again_at = float("-inf")
        self._has_handed_back = False
        if record.closed_at is not None:
            self._close_for_good()
            self._has_handed_back = True

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

    def apply_notice(self, notice: SeriesNotice | None) -> None:
        """Take over what the database says of the series; None: no successor, and not closed."""
        self.successor = None if notice is None else notice.successor
        if notice is not None and not self.is_closed:
            self.is_to_close = notice.is_closed
            # Others may have leased what was left, and an idle instance has not asked since.
            self.remaining = notice.remaining

    def measure(self) -> None:
        """Measure the rate, set the allocator's low water by it, and empty the lanes that are idle.

        Call it about once a second.
        """
        self.meter.sample(self._numbers_ahead.spent, self._clock())
        self._numbers_ahead.tick(is_scarce=self.is_scarce)
        self._allocator.set_low_water(self._low_water())

    def lease_if_low(self, *, at_least: int = 0) -> bool:
        """Lease once if the allocator wants more; return whether the database was asked.

        `at_least` blocks are leased even if none are wanted, unless the series is left alone.

        Call it until it returns False. Raises StoreError and HighWaterMarkError. An error that
        concerns this series only is kept in `error`, and not raised; the series is left alone for
        a while, so that others are leased for.
        """
        began = self._clock()
        # A closed allocator keeps nothing.
        if began < self._ask_again_at or self._allocator.closed:
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
            self._leave_alone(error, began, EXHAUSTED_SECONDS, request_error=error)
            return True
        except TrackingServiceError as error:
            if not error.concerns_one_series:
                self.failed_at = self._clock()
                raise
            refusal = ReserveEmptyError(retry_after=math.ceil(TROUBLE_SECONDS))
            self._leave_alone(error, began, TROUBLE_SECONDS, request_error=refusal)
            return True
        now = self._clock()
        self.error = None
        self.exhausted = False
        self.remaining = lease.remaining
        # What was leased, not what was wanted: a small tail does not mean a burst.
        self._last_blocks, self._leased_at = len(lease.block) // self._block_size, now
        self._allocator.add([lease.block], low_water=self._low_water())
        self._observer.leased(self._name, len(lease.block), now - began)
        return True

    def retire(self) -> None:
        """Close the series for good, and hand back what was not spent of it; once is enough.

        Raises StoreError, and then is to be called again.
        """
        if self._has_handed_back:
            return
        if not self.is_closed:
            log.warning("a series was closed", extra={"series": self._name})
            self._close_for_good()
        self.hand_back()
        self._has_handed_back = True

    def hand_back(self) -> int:
        """Close the allocator and hand back what was not spent; return how many serials went back.

        Raises StoreError.
        """
        serials = self._store.hand_back(self._name, self._unspent())
        self._observer.handed_back(self._name, serials)
        return serials

    def record_hand_back(self) -> None:
        """Record for neighbours what was handed back; after `hand_back`, for it may take a second."""
        if not self.is_closed:
            self._leases.record_hand_back(self._unspent())

    def _unspent(self) -> tuple[Block, ...]:
        return self._numbers_ahead.close() + self._leases.close()

    def _close_for_good(self) -> None:
        self.error = error = SeriesClosedError.of(self._name)
        self.exhausted = self.is_closed = True
        self.remaining = 0
        self._numbers_ahead.close(error)

    def _leave_alone(
        self,
        error: TrackingServiceError,
        began: float,
        seconds: float,
        *,
        request_error: AllocationError,
    ) -> None:
        now = self._clock()
        self._observer.lease_failed(error, now - began)
        if type(error) is not type(self.error):
            self._log_trouble(error)
        self.error = error
        self._ask_again_at = now + seconds
        self._allocator.set_error(request_error)

    def _log_trouble(self, error: TrackingServiceError) -> None:
        if self.exhausted and self.successor is not None:
            log.info(
                "a series has no serials left, and its successor takes over",
                extra={"series": self._name, "successor": self.successor},
            )
            return
        log.error(
            "leasing failed for one series; it is tried again until it succeeds",
            extra={"series": self._name, "error": str(error)},
        )

    def _low_water(self) -> int:
        return self._plan.low_water(self.meter.rate, self._block_size, scarce=self.is_scarce)

    def _blocks_wanted(self, now: float) -> int:
        burst = now - self._leased_at < BURST_SECONDS
        wanted = self._plan.blocks_wanted(
            self.meter.rate,
            self._block_size,
            held=self._allocator.left - self._allocator.demand,
            last=self._last_blocks if burst else 0,
            scarce=self.is_scarce,
        )
        return min(wanted, largest_lease(self.remaining or 0, self._block_size))
