"""Whether the database answers, as the leasing thread sees it, and when to try again.

While it is away, attempts go on for ever, with exponential back-off and full jitter (Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that a fleet does not come back
all at once.
"""

import random
import time
from collections.abc import Callable

from tracking_service.clock import MonotonicClock
from tracking_service.errors import StoreError, TrackingServiceError
from tracking_service.telemetry.state import DatabaseState

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MOST_SECONDS = 5.0

PING_SECONDS = 5.0
"""Interval of the pings of an idle instance, which is to notice that the database is away."""

HANGING_SECONDS = 1.0
"""A database that has not answered for this many seconds counts as away."""

Uniform = Callable[[float, float], float]
"""Draws a number between two."""


class Backoff:
    """Computes when to try again after consecutive failures."""

    def __init__(self, uniform: Uniform = random.uniform) -> None:
        self._uniform = uniform
        self._failures = 0
        self.until = float("-inf")
        """The moment of the next attempt, on the clock."""

    def fail(self, now: float) -> float:
        """Draw the moment of the next attempt; return the greatest pause that could be drawn."""
        longest = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0**self._failures)
        self.until = now + self._uniform(0, longest)
        self._failures = min(self._failures + 1, 16)
        return longest

    def succeed(self) -> None:
        """Begin again with the shortest pause at the next failure."""
        self._failures = 0


class DatabaseHealth:
    """The result of the last attempt to reach the database.

    Only the leasing thread changes it. Others read single attributes, each replaced whole.
    """

    def __init__(self, clock: MonotonicClock = time.monotonic) -> None:
        self._clock = clock
        self.error: TrackingServiceError | None = None
        """The last attempt's error; None if it succeeded."""
        self._began: float | None = None
        self._answered_at: float | None = None

    def begin(self) -> None:
        """Note that an attempt begins, and the one before has ended."""
        self._began = self._clock()

    def end(self) -> None:
        """Note that no attempt is under way."""
        self._began = None

    def succeed(self) -> None:
        """Note that the attempt succeeded."""
        self.error = None
        self._answered_at = self._clock()

    def fail(self, error: TrackingServiceError) -> None:
        """Note that the attempt failed."""
        self.error = error
        if isinstance(error, StoreError) and not error.transient:
            self._answered_at = self._clock()  # though with an error

    @property
    def seconds_under_way(self) -> float:
        """Seconds that the present attempt has lasted; 0 if there is none."""
        # Read once: the leasing thread may end the attempt in between.
        began = self._began
        return 0.0 if began is None else self._clock() - began

    @property
    def database(self) -> DatabaseState:
        """`away` if the last attempt did not reach it, or the present one hangs."""
        if self._hangs or (self.error is not None and self.error.transient):
            return "away"
        return "unknown" if self._answered_at is None else "up"

    @property
    def failing(self) -> bool:
        """Whether no block will come soon: the last attempt failed, or the present one hangs."""
        return self._hangs or self.error is not None

    @property
    def is_ping_due(self) -> bool:
        """Whether a ping is due."""
        answered_at = self._answered_at
        unasked = answered_at is None or self._clock() - answered_at >= PING_SECONDS
        return unasked or self.error is not None

    @property
    def _hangs(self) -> bool:
        return self.seconds_under_way > HANGING_SECONDS
