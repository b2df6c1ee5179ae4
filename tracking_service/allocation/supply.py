"""One series' supply in one instance: leases blocks for its allocator, and no less than it needs.

Only the leasing thread calls it, so it needs no lock of its own.
"""

import logging
import time

from tracking_service.allocation.allocator import Allocator
from tracking_service.allocation.block import Block
from tracking_service.allocation.lease import BlockStore, Lease, Mark
from tracking_service.allocation.observer import Observer
from tracking_service.allocation.rate import RateMeter
from tracking_service.allocation.reserve import ReservePlan, is_scarce
from tracking_service.allocation.witness import Witness
from tracking_service.errors import CounterWentBackwardsError, SeriesExhaustedError

log = logging.getLogger(__name__)

BURST_SECONDS = 10.0
"""Where a lease is used up within this time, the estimate was outrun, and the next one grows."""

EXHAUSTED_SECONDS = 10.0
"""How often an exhausted series is asked again: another instance may have handed a tail back."""

TRIES = 3
"""Leases tried in a row against a database that goes backwards, before it is left for a while."""


class Supply:
    """Keeps one allocator stocked out of a store."""

    def __init__(
        self,
        allocator: Allocator,
        *,
        block_size: int,
        witnessed_as: str,
        store: BlockStore,
        witness: Witness,
        plan: ReservePlan,
        observer: Observer,
    ) -> None:
        """`witnessed_as` names the series in the witness, apart from one of another database."""
        self.allocator = allocator
        self.meter = RateMeter()
        self.remaining: int | None = None
        self._block_size = block_size
        self._witnessed_as = witnessed_as
        self._store = store
        self._witness = witness
        self._plan = plan
        self._observer = observer
        self._known = Mark()
        self._unwitnessed: Lease | None = None
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
        """Lease until the allocator holds enough; return whether the database was asked.

        May raise StoreError and WitnessError.
        """
        asked = False
        while blocks := self._blocks_wanted(now):
            asked = True
            began = time.monotonic()
            try:
                lease = self._lease(blocks)
            except SeriesExhaustedError as error:
                self.remaining = 0
                self._ask_again_at = now + EXHAUSTED_SECONDS
                self.allocator.refuse(error)
                break
            self._observer.leased(self.series, len(lease.block), time.monotonic() - began)
            self.remaining = lease.remaining
            # What came, not what was asked for: a small tail does not tell of a burst.
            self._last_blocks, self._leased_at = len(lease.block) // self._block_size, now
            self.allocator.add([lease.block], low_water=self._low_water())
        return asked

    def close(self) -> tuple[Block, ...]:
        """Close the allocator; return all that was leased and not spent, to be handed back."""
        unwitnessed = (self._unwitnessed.block,) if self._unwitnessed is not None else ()
        return self.allocator.close() + unwitnessed

    def _low_water(self) -> int:
        return self._plan.low_water(self.meter.rate, self._block_size, scarce=self.scarce)

    def _blocks_wanted(self, now: float) -> int:
        # A closed allocator holds nothing, however much it is given.
        if now < self._ask_again_at or self.allocator.closed:
            return 0
        burst = now - self._leased_at < BURST_SECONDS
        return self._plan.blocks_wanted(
            self.meter.rate,
            self._block_size,
            held=self.allocator.holding().left - self.allocator.demand,
            last=self._last_blocks if burst else 0,
            scarce=self.scarce,
        )

    def _lease(self, blocks: int) -> Lease:
        """Lease once, and believe it only where it agrees with the witness.

        The mark is read before the lease begins (see `witness.py`) and raised before the block
        is used. A block whose mark cannot be recorded is kept aside for the next try, so that a
        witness that cannot be written does not use a series up.
        """
        lease = self._unwitnessed or self._lease_beyond_mark(blocks)
        self._unwitnessed = lease
        self._witness.record(self._witnessed_as, self._known)
        self._unwitnessed = None
        return lease

    def _lease_beyond_mark(self, blocks: int) -> Lease:
        for _ in range(TRIES):
            # The file may be taken away while this runs; what this instance was given it knows.
            mark = self._known.joined(self._witness.read(self._witnessed_as))
            lease = self._store.lease(self.series, blocks)
            if not mark.past(lease):
                self._known = mark.with_lease(lease)
                return lease
            log.critical(
                "the database went backwards: a block was refused and the series skipped ahead",
                extra={
                    "series": self.series,
                    "refused_start": lease.block.start,
                    "refused_end": lease.block.end,
                    "known_end": mark.end,
                },
            )
            self._observer.went_backwards(self.series)
            self._store.skip_past(self.series, mark, lease.block)
        raise CounterWentBackwardsError
