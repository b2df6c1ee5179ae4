"""Whether an instance can issue from the default series, for how long yet, and why not."""

from dataclasses import dataclass

from tracking_service.allocation import DatabaseState, Refiller, Supply
from tracking_service.errors import SeriesExhaustedError, TrackingServiceError


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the instance can issue from the default series now, and for how long."""

    ready: bool
    reason: str | None
    reserve_seconds: float | None
    """How long the reserve lasts at the present rate; None where nothing is spent, or known."""
    database: DatabaseState


def standing(supply: Supply | None, refiller: Refiller, *, leaving: bool) -> Readiness:
    """How an instance stands. `supply` is the default series', None where it is not open yet;
    `leaving`: a shutdown has begun.
    """
    database = refiller.database
    if leaving:
        return Readiness(False, "shutting down", None, database)
    if supply is None or not (left := supply.allocator.holding().left):
        return Readiness(False, _why_not(supply, refiller), 0.0, database)
    seconds = supply.meter.lasts(left)
    reason = None
    if refiller.failing:
        lasts = "until numbers are asked for" if seconds is None else f"about {seconds:.0f} seconds"
        reason = f"{_failure(refiller)}; the reserve lasts {lasts}"
    return Readiness(True, reason, seconds, database)


def _why_not(supply: Supply | None, refiller: Refiller) -> str:
    trouble = supply.allocator.trouble if supply is not None else None
    if isinstance(trouble, SeriesExhaustedError):
        return str(trouble)
    if refiller.database == "away":
        return f"{_failure(refiller)}, and no serials are left in memory"
    if refiller.failing:
        return _failure(refiller)
    return "no block has been leased yet"


def _failure(refiller: Refiller) -> str:
    """Why no blocks come, for callers: an address of the database is for the log alone."""
    if refiller.database == "away":
        return "the database cannot be reached"
    if isinstance(refiller.error, TrackingServiceError):
        return str(refiller.error)
    return "leasing fails, as the log says"
