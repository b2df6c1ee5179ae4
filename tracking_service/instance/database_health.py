"""What came of the attempts to reach the database, and when the next one may be.

While it is away they go on for ever, with exponential back-off and full jitter (Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015), so that a fleet does not come back
all at once.
"""

import random
from typing import Literal

from tracking_service.errors import StoreError, StoreUnavailableError

BACKOFF_FIRST_SECONDS = 0.1
BACKOFF_MOST_SECONDS = 5.0

PING_SECONDS = 5.0
"""How long a database may be left unasked: an idle instance is to know that it is away, too."""

HANGING_SECONDS = 1.0
"""A database that has not answered for so long counts as away."""

DatabaseState = Literal["unknown", "up", "away"]


class Attempts:
    """Changed by the leasing thread alone; others read, for each attribute is replaced whole.

    `now` is always in seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        """Why the last one failed, or None if it did not."""
        self.next_at = float("-inf")
        """The moment before which there is to be no other."""
        self._failures = 0
        self._began: float | None = None
        self._answered_at: float | None = None

    def begin(self, now: float) -> None:
        """An attempt begins; the one before, if it has not ended, has been answered."""
        self._began = now

    def end(self) -> None:
        """No attempt is under way."""
        self._began = None

    def succeeded(self, now: float) -> None:
        """The database answered as it should."""
        self.error = None
        self._failures = 0
        self._answered_at = now

    def failed(self, error: Exception, now: float) -> float:
        """Draw when to try again; return within how many seconds that is at the latest."""
        most: float = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2**self._failures)
        self.next_at = now + random.uniform(0, most)
        self._failures = min(self._failures + 1, 16)
        self.error = error
        if isinstance(error, StoreError) and not isinstance(error, StoreUnavailableError):
            self._answered_at = now  # if not with what was wanted
        return most

    def lasted(self, now: float) -> float:
        """For how many seconds the attempt under way has lasted; 0 if there is none."""
        return 0.0 if self._began is None else now - self._began

    def database(self, now: float) -> DatabaseState:
        """`away` if the last attempt did not reach it, or does not come to an end."""
        if self._hangs(now) or isinstance(self.error, StoreUnavailableError):
            return "away"
        return "unknown" if self._answered_at is None else "up"

    def failing(self, now: float) -> bool:
        """Whether no block will come soon: the last attempt failed, or does not come to an end."""
        return self._hangs(now) or self.error is not None

    def is_ping_due(self, now: float) -> bool:
        """Whether the database should be asked, though nothing is wanted of it."""
        unasked = self._answered_at is None or now - self._answered_at >= PING_SECONDS
        return unasked or self.error is not None

    def _hangs(self, now: float) -> bool:
        # Read once: the leasing thread may end the attempt in between.
        began = self._began
        return began is not None and now - began > HANGING_SECONDS
