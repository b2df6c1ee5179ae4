"""Whether the database answers, as the leasing thread finds it, and when to try again.

While it is away attempts go on for ever, with exponential back-off and full jitter (Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that a fleet does not come back
all at once.
"""

import random
import time
from collections.abc import Callable
from typing import Literal

from tracking_service.errors import StoreError, TrackingServiceError

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MOST_SECONDS = 5.0

PING_SECONDS = 5.0
"""How long a database may be left unasked: an idle instance is to know that it is away, too."""

HANGING_SECONDS = 1.0
"""A database that has not answered for this many seconds counts as away."""

DatabaseState = Literal["unknown", "up", "away"]

Clock = Callable[[], float]
"""Seconds on a clock that never goes back."""

Uniform = Callable[[float, float], float]
"""Draws a number between two."""


class Backoff:
    """When to try again after failures in a row."""

    def __init__(self, uniform: Uniform = random.uniform) -> None:
        self._uniform = uniform
        self._failures = 0
        self.until = float("-inf")
        """The moment before which nothing is to be tried."""

    def fail(self, now: float) -> float:
        """Draw when to try again; return the longest pause that could have been drawn."""
        longest = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0**self._failures)
        self.until = now + self._uniform(0, longest)
        self._failures = min(self._failures + 1, 16)
        return longest

    def succeed(self) -> None:
        """Begin anew with the next failure."""
        self._failures = 0


class DatabaseHealth:
    """What came of the attempts to reach the database.

    The leasing thread alone changes it. Others read: each attribute is replaced whole.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.error: TrackingServiceError | None = None
        """Why the last attempt failed, or None if it did not."""
        self._began: float | None = None
        self._answered_at: float | None = None

    def begin(self) -> None:
        """An attempt begins; the one before has ended."""
        self._began = self._clock()

    def end(self) -> None:
        """No attempt is under way."""
        self._began = None

    def succeed(self) -> None:
        """The database answered as it should."""
        self.error = None
        self._answered_at = self._clock()

    def fail(self, error: TrackingServiceError) -> None:
        """The attempt failed."""
        self.error = error
        if isinstance(error, StoreError) and not error.transient:
            self._answered_at = self._clock()  # if not with what was wanted

    @property
    def seconds_under_way(self) -> float:
        """How long the present attempt has lasted; 0 if there is none."""
        # Read once: the leasing thread may end the attempt in between.
        began = self._began
        return 0.0 if began is None else self._clock() - began

    @property
    def database(self) -> DatabaseState:
        """`away` if the last attempt did not reach it, or does not come to an end."""
        if self._hangs or (self.error is not None and self.error.transient):
            return "away"
        return "unknown" if self._answered_at is None else "up"

    @property
    def failing(self) -> bool:
        """Whether no block will come soon: the last attempt failed, or does not come to an end."""
        return self._hangs or self.error is not None

    @property
    def is_ping_due(self) -> bool:
        """Whether the database should be asked, though nothing is wanted of it."""
        answered_at = self._answered_at
        unasked = answered_at is None or self._clock() - answered_at >= PING_SECONDS
        return unasked or self.error is not None

    @property
    def _hangs(self) -> bool:
        return self.seconds_under_way > HANGING_SECONDS
