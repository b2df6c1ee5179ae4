"""What the allocation core asks of a database: the BlockStore protocol and its values.

The core knows no SQL. A store promises three things. What `lease` returns is committed and was
never returned before. If the outcome of a commit is unknown, `lease` raises, and the block is lost.
No method waits for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracking_service.allocation.block import Block


@dataclass(frozen=True, slots=True)
class Lease:
    """The result of one lease transaction."""

    block: Block
    lease_number: int
    """Counts the leases of the series, from 1: a later lease has a higher one."""
    returned_by: str | None
    """The instance that handed the block back, if it is a tail; None if it came from the counter."""
    remaining: int
    """Serials of the series that no lease has taken yet."""
    block_id: int
    """The store's id of the block."""
    new_timeline: bool = False
    """True if the database had begun another history, and skipped the series ahead first."""

    @property
    def fresh(self) -> bool:
        """Whether the block came from the counter: no lease had its serials before."""
        return self.returned_by is None


@dataclass(frozen=True, slots=True)
class RecordedLease:
    """A lease of the serials [start, end), as a file of high-water marks records it."""

    lease_number: int
    start: int
    end: int
    instance: str
    returned_from: int | None = field(default=None, compare=False)
    """[returned_from, end) was handed back unspent; None if nothing is known to have been."""

    def has_returned(self, block: Block) -> bool:
        """Whether the instance is known to have handed back all serials of `block` unspent."""
        return (
            self.returned_from is not None
            and self.returned_from <= block.start
            and block.end <= self.end
        )

    def overlaps(self, block: Block) -> bool:
        """Whether the two have a serial in common."""
        return self.start < block.end and block.start < self.end

    def contradicts(self, lease: Lease) -> bool:
        """Whether no single history of a series can have both leases.

        In one history a lease number is given once, a fresh block has serials that no lease had
        before, and none of them is leased again before they are handed back.
        """
        return self.lease_number == lease.lease_number or (
            self.overlaps(lease.block) and (lease.fresh or self.lease_number > lease.lease_number)
        )


@dataclass(frozen=True, slots=True)
class HighWaterMark:
    """The furthest that a series is known to have come: nothing below it may be leased again."""

    end: int = 0
    """The highest end of a block that was ever leased."""
    lease_number: int = 0
    """The highest lease number."""

    def is_ahead_of(self, lease: Lease) -> bool:
        """Whether the lease shows a series that has not come as far as this mark."""
        return lease.lease_number <= self.lease_number or (
            lease.fresh and lease.block.start < self.end
        )

    def with_lease(self, lease: Lease) -> "HighWaterMark":
        """This mark, raised by a lease."""
        return self.merge(HighWaterMark(lease.block.end, lease.lease_number))

    def merge(self, other: "HighWaterMark") -> "HighWaterMark":
        """The higher of the two ends, and of the two lease numbers."""
        return HighWaterMark(max(self.end, other.end), max(self.lease_number, other.lease_number))


class BlockStore(Protocol):
    """Where blocks come from. Every method may raise StoreError."""

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        """Take `blocks` times the series' block size, or what is left of it, as one block.

        A tail that was handed back goes first, and may be smaller. Raises UnknownSeriesError,
        SeriesExhaustedError, and KeyChangedError if the number space's key has another
        fingerprint.
        """

    def leave_out(self, lease: Lease) -> None:
        """Take note that nothing of this lease is used: `hand_back` does not count it as spent."""

    def skip_past(self, series: str, mark: HighWaterMark, refused: Block) -> None:
        """Move a series that went backwards beyond `mark`, and set the refused block aside.

        Raises UnknownSeriesError.
        """

    def hand_back(self, series: str, unspent: Sequence[Block]) -> int:
        """Release all blocks of this instance; return how many unspent serials went back."""

    def ping(self) -> None:
        """Return if the database answers."""
