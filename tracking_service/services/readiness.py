"""Whether an instance can issue from the default series, for how long yet, and why not."""

from dataclasses import dataclass

from tracking_service.errors import TrackingServiceError
from tracking_service.instance.database_health import DatabaseState
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import DEFAULT_SERIES

AWAY = "the database cannot be reached"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the instance can issue from the default series now, and for how long."""

    ready: bool
    reason: str | None
    reserve_seconds: float | None
    """How long the reserve lasts at the present rate; None where nothing is spent, or known."""
    database: DatabaseState


def assess_readiness(instance: Instance) -> Readiness:
    """Assess an instance as it stands: asks no database, and starts nothing."""
    database = instance.health.database
    if instance.leaving:
        return Readiness(False, "shutting down", None, database)
    series = instance.registry.open.get(DEFAULT_SERIES)
    error = instance.health.error or (None if series is None else series.error)
    failure = _failure(database, error)
    state = None if series is None else series.state()
    if state is None or not state.held:
        if database == "away":
            failure = f"{AWAY}, and no serials are left in memory"
        return Readiness(False, failure or "no block has been leased yet", 0.0, database)
    seconds = state.reserve_seconds
    if failure:
        lasts = "until numbers are asked for" if seconds is None else f"about {seconds:.0f} seconds"
        failure = f"{failure}; the reserve lasts {lasts}"
    return Readiness(True, failure, seconds, database)


def _failure(database: DatabaseState, error: TrackingServiceError | None) -> str | None:
    """Why no blocks come, if they don't. Addresses and paths are for the log alone."""
    if database == "away":
        return AWAY
    return None if error is None else error.public_message
