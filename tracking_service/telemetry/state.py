"""What an instance holds at a moment, for metrics, /readyz and /api/status."""

from dataclasses import dataclass
from typing import Literal

DatabaseState = Literal["unknown", "up", "away"]


@dataclass(frozen=True, slots=True)
class SeriesState:
    """A series in an instance."""

    series: str
    issued: int
    """Serials spent since the process began."""
    held: int
    """Serials in memory that can be handed out without a lease."""
    rate: float
    """Serials a second."""
    remaining: int | None
    """Serials that no lease of any instance has taken yet; None before this one's first lease."""
    unspent: tuple[tuple[int, int], ...] = ()
    """The held serials as [start, end), in the order in which they are spent."""
    successor: str | None = None
    """The series that is issued from in its place when it has no serials left."""
    is_closed: bool = False

    @property
    def reserve_seconds(self) -> float | None:
        """How long `held` lasts at `rate`; 0 if nothing is held; None if the rate is 0."""
        if not self.held:
            return 0.0
        return self.held / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class InstanceState:
    """An instance."""

    database: DatabaseState
    series: tuple[SeriesState, ...]
