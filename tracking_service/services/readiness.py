"""Whether an instance can issue from the default series, for how long yet, and why not."""

from dataclasses import dataclass

from tracking_service.errors import TrackingServiceError, WitnessError
from tracking_service.instance.database_health import DatabaseState
from tracking_service.instance.leaser import Refiller
from tracking_service.instance.series import Supply

AWAY = "the database cannot be reached"


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
    if failure := _failure(supply, refiller):
        lasts = "until numbers are asked for" if seconds is None else f"about {seconds:.0f} seconds"
        reason = f"{failure}; the reserve lasts {lasts}"
    return Readiness(True, reason, seconds, database)


def _why_not(supply: Supply | None, refiller: Refiller) -> str:
    if refiller.database == "away":
        return f"{AWAY}, and no serials are left in memory"
    return _failure(supply, refiller) or "no block has been leased yet"


def _failure(supply: Supply | None, refiller: Refiller) -> str | None:
    """Why no blocks come, if they don't. Addresses and paths are for the log alone."""
    if refiller.database == "away":
        return AWAY
    error = refiller.error or (None if supply is None else supply.error)
    match error:
        case None:
            return None
        case WitnessError():
            return str(WitnessError())
        case TrackingServiceError():
            return str(error)
    return "leasing fails, as the log says"
