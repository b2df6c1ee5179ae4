"""What an instance holds at a moment: read when someone asks, so that it costs nothing till then."""

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


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One instance."""

    database: Literal["unknown", "up", "away"]
    series: tuple[SeriesState, ...]
