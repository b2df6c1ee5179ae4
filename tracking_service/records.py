"""The records that the store keeps and returns: series, number spaces, blocks, batches, API keys.

The tables that they are read from are in `store/models.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tracking_service.allocation import Block
from tracking_service.numbering import Pattern


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """A series and its number space. The key never shows.

    Its serials are [first_serial, end_serial) of the number space; no lease has taken those from
    `next_serial` on. `block_size` is in serials.
    """

    name: str
    number_space: str
    pattern: Pattern
    key: bytes = field(repr=False)
    block_size: int
    first_serial: int
    next_serial: int
    end_serial: int
    created_at: datetime
    successor: str | None = None
    """The series that is issued from in its place when it has no serials left."""
    closed_at: datetime | None = None

    @property
    def remaining(self) -> int:
        """Serials that no lease has taken yet; tails that were handed back not counted."""
        return self.end_serial - self.next_serial


@dataclass(frozen=True, slots=True)
class SeriesNotice:
    """What an operator has said of a series since it was made, and what is left of it."""

    name: str
    successor: str | None
    is_closed: bool
    remaining: int
    """Serials that no lease has taken yet."""


def succession_line(name: str, successors: Mapping[str, str | None]) -> list[str]:
    """The series of this name and those that follow it; of a circle, up to the first repeat."""
    line = [name]
    while (after := successors.get(line[-1])) is not None:
        line.append(after)
        if is_circle(line):
            break
    return line


def is_circle(line: Sequence[str]) -> bool:
    """Whether a series follows itself."""
    return len(set(line)) < len(line)


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """A number space. The key never shows."""

    id: int
    """Greater than that of every space made before."""
    name: str
    pattern: Pattern
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeasedBlock:
    """The serials [start, end) of a series, and who took them."""

    id: int
    series: str
    start: int
    end: int
    state: str
    """`leased`, `spent`, `returned` or `skipped`."""
    instance: str
    leased_at: datetime
    released_at: datetime | None

    @property
    def spent_end(self) -> int | None:
        """Where the spent part ends, exclusive; None if that is not known."""
        if self.state == "spent":
            return self.end
        return self.start if self.state == "returned" else None


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """What was issued for an idempotency key: the serials of each block, and when."""

    blocks: tuple[Block, ...]
    issued_at: datetime
    series: str | None = None
    """The series that the serials are of; None: the one that was asked for."""


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """An API key for listing, without its token's digest."""

    id: int
    name: str
    scopes: Sequence[str]
    series: Sequence[str] | None
    """The only series that it is for; None: all."""
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeriesCount:
    """How far a series is spent, over the fleet."""

    name: str
    block_size: int
    remaining: int
    """Serials that no lease has taken yet; tails that were handed back not counted."""
    returned_blocks: int
    """Blocks that were handed back and wait to be leased again."""
    successor: str | None
    is_closed: bool


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """What the database knows of the fleet at a moment, in a bounded number of rows."""

    now: datetime
    """By the database's clock, as the moments of the blocks are."""
    blocks: tuple[LeasedBlock, ...]
    """The last ones leased, the newest first."""
    series: tuple[SeriesCount, ...]
    """Those of the blocks first, the one that leased last before all; then others by name."""
    has_more_series: bool
