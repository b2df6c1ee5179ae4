"""Whether an instance can issue from the default series, for how long, and if not, why."""

from dataclasses import dataclass

from tracking_service.errors import TrackingServiceError
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.telemetry.state import DatabaseState

AWAY = "the database cannot be reached"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the instance can issue from the default series now, and for how long."""

    ready: bool
    reason: str | None
    reserve_seconds: float | None
    """Seconds that the reserve lasts at the present rate; None if the rate is 0 or not known."""
    database: DatabaseState


def assess_readiness(instance: Instance) -> Readiness:
    """Assess an instance. Asks no database, and starts nothing."""
    database = instance.health.database
    if instance.leaving:
        return Readiness(False, "shutting down", None, database)
    series = instance.registry.open.get(DEFAULT_SERIES)
    # Where the default series has no serials, those that follow it give numbers.
    line = () if series is None else (series, *instance.registry.successors_of(series))
    error = instance.health.error or (line[-1].supply.error if line else None)
    failure = _failure(database, error)
    states = [each.state() for each in line]
    held = sum(state.held for state in states)
    if not held:
        if database == "away":
            failure = f"{AWAY}, and no serials are left in memory"
        return Readiness(False, failure or "no block has been leased yet", 0.0, database)
    rate = sum(state.rate for state in states)
    seconds = held / rate if rate else None
    if failure:
        lasts = "until numbers are asked for" if seconds is None else f"about {in_words(seconds)}"
        failure = f"{failure}; the reserve lasts {lasts}"
    return Readiness(True, failure, seconds, database)


def in_words(seconds: float) -> str:
    """A length of time as a person says it."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} seconds" if round(seconds) != 1 else "1 second"


def _failure(database: DatabaseState, error: TrackingServiceError | None) -> str | None:
    """Why no blocks come, or None. Without addresses and paths, which only the log may show."""
    if database == "away":
        return AWAY
    return None if error is None else error.public_message
