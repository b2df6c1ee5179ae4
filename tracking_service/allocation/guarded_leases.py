"""Leases that are used only if they agree with the high-water marks.

Instances and commands lease this way, because a database that went backwards leases serials that
have been spent.
"""

import logging
from collections.abc import Sequence

from tracking_service.allocation.block import Block
from tracking_service.allocation.high_water_marks import HighWaterMarks, Reading
from tracking_service.allocation.lease import BlockStore, HighWaterMark, Lease
from tracking_service.allocation.observer import Observer
from tracking_service.allocation.ranges import Ranges
from tracking_service.errors import (
    CounterWentBackwardsError,
    HighWaterMarkError,
    ImpossibleMarkError,
)

log = logging.getLogger(__name__)

REFUSALS = 3
"""Blocks refused in a row while the database goes backwards."""
TRIES = 100
"""Leases tried in a row, those that are left out in doubt among them: they cost no skip."""


class GuardedLeases:
    """Leases from one series, for one instance; for one thread at a time."""

    def __init__(
        self,
        series: str,
        *,
        fingerprint: str,
        end_serial: int,
        instance: str,
        store: BlockStore,
        marks: HighWaterMarks,
        observer: Observer,
    ) -> None:
        """`fingerprint` is that of the number space's key: the store refuses another, and the marks
        tell a series of another database by it. `end_serial` is the first serial beyond the series.
        """
        self._series = series
        self._fingerprint = fingerprint
        self._marked_as = f"{fingerprint}/{series}"
        self._end_serial = end_serial
        self._instance = instance
        self._store = store
        self._marks = marks
        self._observer = observer
        self._known = HighWaterMark()
        # Once an instance has handed back, it leases no more of the series. So no honest database
        # gives it a serial twice.
        self._given = Ranges()
        self._unrecorded: tuple[Lease, Reading] | None = None
        self._kept_aside: tuple[Block, ...] | None = None
        self._refusals = 0

    def lease(self, blocks: int) -> Lease:
        """Lease `blocks` blocks, as `BlockStore.lease` does.

        The mark is read before the lease begins (see `high_water_marks.py`) and raised before the
        block is used. If the lease cannot be recorded, the block is kept for the next try, so that
        a file that cannot be written does not use a series up. Raises StoreError,
        SeriesExhaustedError and HighWaterMarkError.
        """
        self._refusals = 0
        for _ in range(TRIES):
            found = self._unrecorded or self._ahead_of_mark(blocks)
            if found is not None and self._is_recorded_alone(*found):
                return found[0]
            if self._refusals == REFUSALS:
                break
        raise CounterWentBackwardsError

    def close(self) -> tuple[Block, ...]:
        """Return the blocks that were leased and could not be used, to be handed back.

        Call it when nothing is leased any more; a second call returns the same.
        """
        if self._kept_aside is None:
            self._kept_aside = ()
            if self._unrecorded is not None:
                lease, reading = self._unrecorded
                # The record may have failed when others could read it already. They would trust it
                # as one that had been compared, and take the tail.
                if self._is_alone(lease, reading):
                    self._kept_aside = (lease.block,)
                else:
                    self._leave_out(lease)
        return self._kept_aside

    def record_hand_back(self, unspent: Sequence[Block]) -> None:
        """Record what was handed back, so that neighbours may use it once others have leased it.

        Call it last: if it fails it only logs, for then those tails are left out in doubt here.
        """
        try:
            self._marks.record_hand_back(self._marked_as, unspent, instance=self._instance)
        except HighWaterMarkError as error:
            log.warning(
                "it is not recorded which serials were handed back",
                extra={"series": self._series, "error": str(error)},
            )

    def _ahead_of_mark(self, blocks: int) -> tuple[Lease, Reading] | None:
        """Lease; None if the block is not to be used.

        The database went backwards if the lease lies behind the mark, or has serials that this
        instance was given before: a tail of another history. The series is skipped ahead then. A
        tail is in doubt, and left out, if the last that is known to have leased it neither handed
        it back here nor has recorded that it did: that lease may be of another history.
        """
        reading = self._marks.read(self._marked_as)
        # The file may be removed meanwhile, but this instance knows its own leases.
        mark = self._known.merge(reading.mark)
        if mark.end > self._end_serial:
            raise ImpossibleMarkError(
                f"{reading.path}: the high-water mark of {self._series} is {mark.end}, and the"
                f" series ends at {self._end_serial}: take the entry {self._marked_as} out of the"
                " file, which is damaged or belongs to another database"
            )
        lease = self._store.lease(self._series, blocks, fingerprint=self._fingerprint)
        if lease.new_timeline:
            log.warning(
                "the database writes another history: the series was skipped ahead",
                extra={"series": self._series},
            )
            self._observer.new_timeline(self._series)
        if self._given.overlaps(lease.block):
            went_back = "own serials"
        elif not mark.is_ahead_of(lease):
            if lease.returned_by is None:
                return lease, reading
            holder = reading.possible_holder(lease.block, returned_by=lease.returned_by)
            if holder is None:
                return lease, reading
            self._leave_out(lease, returned_by=lease.returned_by, leased_by=holder)
            return None
        else:
            fresh_below = lease.fresh and lease.block.start < mark.end
            went_back = "serials" if fresh_below else "lease number"
        self._refuse(
            "the database went backwards: a block was refused and the series skipped ahead",
            lease,
            mark=mark,
            went_back=went_back,
            known_end=mark.end,
            known_lease_number=mark.lease_number,
        )
        return None

    def _is_recorded_alone(self, lease: Lease, reading: Reading) -> bool:
        """Record a lease; return whether no neighbour's lease contradicts it."""
        self._unrecorded = lease, reading
        since = self._marks.record(self._marked_as, lease, instance=self._instance, since=reading)
        self._unrecorded = None
        for other in since or ():
            if other.contradicts(lease):
                self._refuse(
                    "the database has two living histories: a block was refused and the series"
                    " skipped ahead",
                    lease,
                    other_instance=other.instance,
                    other_lease_number=other.lease_number,
                    other_start=other.start,
                    other_end=other.end,
                )
                return False
        if since is None or any(other.overlaps(lease.block) for other in since):
            # A tail may have been leased, handed back and leased again in so short a time. That
            # cannot be told from a repeat, and a lost block costs nothing.
            self._leave_out(lease)
            return False
        self._known = self._known.merge(reading.mark).with_lease(lease)
        self._given.add(lease.block)
        return True

    def _is_alone(self, lease: Lease, reading: Reading) -> bool:
        """Whether nobody else is known to have recorded, since `reading`, what conflicts with it."""
        try:
            since = self._marks.recorded_since(reading, self._marked_as, instance=self._instance)
        except HighWaterMarkError:
            return False
        return since is not None and not any(
            other.contradicts(lease) or other.overlaps(lease.block) for other in since
        )

    def _leave_out(self, lease: Lease, **facts: object) -> None:
        log.warning("a block in doubt is left out", extra={**self._facts(lease), **facts})
        self._store.leave_out(lease)

    def _refuse(
        self, message: str, lease: Lease, *, mark: HighWaterMark | None = None, **facts: object
    ) -> None:
        """Leave a lease out, and skip the series past `mark`, or past what the files say now."""
        self._refusals += 1
        log.critical(message, extra={**self._facts(lease), **facts})
        self._observer.went_backwards(self._series)
        # First, for the rest may fail, and the block is not used in any case.
        self._store.leave_out(lease)
        mark = mark or self._marks.read(self._marked_as).mark
        self._store.skip_past(self._series, mark, lease.block)

    def _facts(self, lease: Lease) -> dict[str, object]:
        return {
            "series": self._series,
            "refused_start": lease.block.start,
            "refused_end": lease.block.end,
            "refused_lease_number": lease.lease_number,
        }
