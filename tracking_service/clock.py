"""The host's clocks. The wall clock is read in this place alone, so that tests can set it.

It is shown and never compared. Waits use a monotonic clock; what instances must agree on uses the
database's clock (`store/clock.py`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

MonotonicClock = Callable[[], float]
"""Seconds on a clock that never goes back, as `time.monotonic` returns them."""

wall_time: Callable[[], float] = time.time
"""Seconds since 1970-01-01T00:00:00Z, without leap seconds."""


def utc_now() -> datetime:
    """The moment that `wall_time` tells."""
    return datetime.fromtimestamp(wall_time(), UTC)


def format_utc(moment: datetime) -> str:
    """Return an aware moment as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
