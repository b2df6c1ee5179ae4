"""Leases that are believed only where they agree with the witness.

Whoever leases from a series goes this way, an instance as well as a command: a database that went
backwards gives serials that others have spent.
"""

import logging

from tracking_service.allocation.block import Block
from tracking_service.allocation.high_water_marks import Witness
from tracking_service.allocation.lease import BlockStore, Lease, Mark
from tracking_service.allocation.observer import Observer
from tracking_service.errors import CounterWentBackwardsError

log = logging.getLogger(__name__)

TRIES = 3
"""Leases tried in a row against a database that goes backwards, before it is left for a while."""


class WitnessedLeases:
    """Leases from one series, for one instance; for one thread at a time."""

    def __init__(
        self,
        series: str,
        *,
        fingerprint: str,
        store: BlockStore,
        witness: Witness,
        observer: Observer,
    ) -> None:
        """`fingerprint` is that of the key which the serials will be written under: the store
        refuses any other, and the witness tells a series of another database by it.
        """
        self._series = series
        self._fingerprint = fingerprint
        self._witnessed_as = f"{fingerprint}/{series}"
        self._store = store
        self._witness = witness
        self._observer = observer
        self._known = Mark()
        self._unwitnessed: Lease | None = None

    def lease(self, blocks: int) -> Lease:
        """Lease `blocks` blocks, as `BlockStore.lease` does.

        The mark is read before the lease begins (see `high_water_marks.py`) and raised before the block
        is used. A block whose mark cannot be recorded is kept aside for the next try, so that a
        witness that cannot be written does not use a series up. Raises StoreError,
        SeriesExhaustedError and WitnessError.
        """
        lease = self._unwitnessed or self._beyond_mark(blocks)
        self._unwitnessed = lease
        self._witness.record(self._witnessed_as, self._known)
        self._unwitnessed = None
        return lease

    @property
    def kept_aside(self) -> tuple[Block, ...]:
        """What was leased and could not be used."""
        return (self._unwitnessed.block,) if self._unwitnessed is not None else ()

    def _beyond_mark(self, blocks: int) -> Lease:
        for _ in range(TRIES):
            # The file may be taken away while this runs; what this instance was given it knows.
            mark = self._known.joined(self._witness.read(self._witnessed_as))
            lease = self._store.lease(self._series, blocks, fingerprint=self._fingerprint)
            if lease.new_timeline:
                log.warning(
                    "the database writes another history: the series was skipped ahead",
                    extra={"series": self._series},
                )
                self._observer.new_timeline(self._series)
            if not mark.past(lease):
                self._known = mark.with_lease(lease)
                return lease
            log.critical(
                "the database went backwards: a block was refused and the series skipped ahead",
                extra={
                    "series": self._series,
                    "refused_start": lease.block.start,
                    "refused_end": lease.block.end,
                    "known_end": mark.end,
                },
            )
            self._observer.went_backwards(self._series)
            self._store.skip_past(self._series, mark, lease.block)
        raise CounterWentBackwardsError
