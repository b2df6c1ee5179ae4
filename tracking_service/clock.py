"""This host's wall clock: the one place that reads it, so that a test can turn it.

What it says is shown, and never compared: waits go by a monotonic clock, and what instances must
agree on goes by the database's (`store/clock.py`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

wall_time: Callable[[], float] = time.time
"""Seconds since 1970-01-01T00:00:00Z, without leap seconds."""


def utc_now() -> datetime:
    """The moment that `wall_time` tells."""
    return datetime.fromtimestamp(wall_time(), UTC)
