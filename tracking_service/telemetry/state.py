"""What an instance holds at a moment, as metrics, /readyz and /api/status tell it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SeriesState:
    """One series in one instance."""

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
    """What is held, as [start, end), in the order in which it is spent."""

    @property
    def reserve_seconds(self) -> float | None:
        """How long `held` lasts at `rate`; None if nobody asks for any.

        Nothing lasts for 0 seconds, though nobody asks any more.
        """
        if not self.held:
            return 0.0
        return self.held / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One instance."""

    database: Literal["unknown", "up", "away"]
    series: tuple[SeriesState, ...]
