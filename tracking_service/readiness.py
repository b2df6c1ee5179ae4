"""Whether an instance can issue from the default series, for how long yet, and why not."""

import math
from dataclasses import dataclass

from tracking_service.allocation import DatabaseState, Refiller, Supply
from tracking_service.errors import (
    SeriesExhaustedError,
    StoreUnavailableError,
    TrackingServiceError,
)


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
    rate = supply.meter.rate
    seconds = left / rate if rate else math.inf
    reason = None
    if database == "away":
        lasts = f"about {seconds:.0f} seconds" if rate else "until numbers are asked for"
        reason = f"the database cannot be reached; the reserve lasts {lasts}"
    return Readiness(True, reason, seconds if rate else None, database)


def _why_not(supply: Supply | None, refiller: Refiller) -> str:
    error = refiller.error
    trouble = supply.allocator.trouble if supply is not None else None
    if isinstance(trouble, SeriesExhaustedError):
        return str(trouble)
    if isinstance(error, TrackingServiceError) and not isinstance(error, StoreUnavailableError):
        return str(error)
    if refiller.database == "away":
        return "the database cannot be reached, and no serials are left in memory"
    return "no block has been leased yet"
