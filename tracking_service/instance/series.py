"""One series' supply in one instance: leases blocks for its allocator, as many as it needs.

Only the leasing thread calls what changes it, so it needs no lock of its own; others read single
attributes, each of which is replaced whole.
"""

import logging
import math
import time

from tracking_service.allocation.allocator import Allocator
from tracking_service.allocation.block import Block
from tracking_service.allocation.guarded_leases import WitnessedLeases
from tracking_service.allocation.observer import Observer
from tracking_service.allocation.rate import RateMeter
from tracking_service.allocation.reserve import ReservePlan, is_scarce, largest_lease
from tracking_service.errors import (
    CounterWentBackwardsError,
    KeyChangedError,
    ReserveEmptyError,
    SeriesExhaustedError,
    TrackingServiceError,
    UnknownSeriesError,
)

log = logging.getLogger(__name__)

BURST_SECONDS = 10.0
"""Where a lease is used up within this time, the estimate was outrun, and the next one grows."""

EXHAUSTED_SECONDS = 10.0
"""How often an exhausted series is asked again: another instance may have handed a tail back."""

TROUBLE_SECONDS = 5.0
"""How often a series is asked again with which something is wrong that others have not."""


class Supply:
    """Keeps one allocator stocked out of a store."""

    def __init__(
        self,
        allocator: Allocator,
        leases: WitnessedLeases,
        *,
        block_size: int,
        plan: ReservePlan,
        observer: Observer,
    ) -> None:
        self.allocator = allocator
        self.meter = RateMeter()
        """Serials a second that are spent here."""
        self.remaining: int | None = None
        """Serials that no lease had taken, as of the last one; None before the first."""
        self.error: TrackingServiceError | None = None
        """Why the last lease for this series gave nothing, if that was the series' own fault."""
        self._block_size = block_size
        self._leases = leases
        self._plan = plan
        self._observer = observer
        self._last_blocks = 0
        self._leased_at = float("-inf")
        self._ask_again_at = float("-inf")

    @property
    def series(self) -> str:
        """The series' name."""
        return self.allocator.series

    @property
    def scarce(self) -> bool:
        """Whether few serials are left; not known before the first lease, and then assumed."""
        return self.remaining is None or is_scarce(self.remaining, self._block_size)

    def sample(self, now: float) -> None:
        """Measure the rate, and let the allocator call in time for it."""
        self.meter.sample(self.allocator.holding().spent, now)
        self.allocator.set_low_water(self._low_water())

    def refill(self, now: float) -> bool:
        """Lease once if the allocator wants more; return whether the database was asked.

        To be called until it was not. May raise StoreError and WitnessError. What has to do with
        this series alone is not raised but kept in `error`, and the series left alone for a while:
        others must not go without.
        """
        blocks = self._blocks_wanted(now)
        if not blocks:
            return False
        began = time.monotonic()
        try:
            lease = self._leases.lease(blocks)
        except SeriesExhaustedError as error:
            self.remaining = 0
            self._observer.lease_failed(error, time.monotonic() - began)
            self._leave_alone(error, now + EXHAUSTED_SECONDS)
            self.allocator.refuse(error)
            return True
        except (CounterWentBackwardsError, KeyChangedError, UnknownSeriesError) as error:
            self._observer.lease_failed(error, time.monotonic() - began)
            self._leave_alone(error, now + TROUBLE_SECONDS)
            self.allocator.refuse(ReserveEmptyError(retry_after=math.ceil(TROUBLE_SECONDS)))
            return True
        seconds = time.monotonic() - began
        self.error = None
        self.remaining = lease.remaining
        # What came, not what was asked for: a small tail does not tell of a burst.
        self._last_blocks, self._leased_at = len(lease.block) // self._block_size, now
        self.allocator.add([lease.block], low_water=self._low_water())
        self._observer.leased(self.series, len(lease.block), seconds)
        return True

    def _leave_alone(self, error: TrackingServiceError, until: float) -> None:
        if type(error) is not type(self.error):
            log.error(
                "leasing failed for one series; it is tried again until it succeeds",
                extra={"series": self.series, "error": str(error)},
            )
        self.error = error
        self._ask_again_at = until

    def close(self) -> tuple[Block, ...]:
        """Close the allocator; return all that was leased and not spent, to be handed back."""
        return self.allocator.close() + self._leases.kept_aside

    def _low_water(self) -> int:
        return self._plan.low_water(self.meter.rate, self._block_size, scarce=self.scarce)

    def _blocks_wanted(self, now: float) -> int:
        # A closed allocator holds nothing, however much it is given.
        if now < self._ask_again_at or self.allocator.closed:
            return 0
        burst = now - self._leased_at < BURST_SECONDS
        wanted = self._plan.blocks_wanted(
            self.meter.rate,
            self._block_size,
            held=self.allocator.holding().left - self.allocator.demand,
            last=self._last_blocks if burst else 0,
            scarce=self.scarce,
        )
        return min(wanted, largest_lease(self.remaining or 0, self._block_size))
