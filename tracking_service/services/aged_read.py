"""Reads from the database what people watch: seldom, and shows the last answer rather than wait."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from tracking_service.clock import MonotonicClock, utc_now
from tracking_service.errors import StoreError
from tracking_service.telemetry.state import DatabaseState

READING_SECONDS = 30.0
"""While one request reads the database, others get the last answer, for up to so many seconds: more
than a reading can take."""

Answer = TypeVar("Answer")


class AgedRead(Generic[Answer]):
    """The last answer to one question to the database.

    However many requests come, an instance asks once in `fresh_seconds`. While the database is away,
    the answer stays the last one.

    It has no lock, so that a fork cannot copy one that is held. Two requests may read the database
    at once, which does no harm.
    """

    def __init__(
        self,
        ask: Callable[[], Answer],
        before: Answer,
        *,
        fresh_seconds: float,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        """`ask` may raise StoreError. `before` stands for the answer until there is one."""
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._ask_again_at = float("-inf")
        self._last: tuple[Answer, datetime | None] = (before, None)

    def read(self, database: DatabaseState) -> tuple[Answer, datetime | None]:
        """The answer, and when it was read; None before the first time."""
        now = self._clock()
        if database != "away" and now >= self._ask_again_at:
            self._ask_again_at = now + READING_SECONDS
            try:
                self._last = (self._ask(), utc_now())
            except StoreError:
                # The leasing thread notices the same, and logs it.
                pass
            finally:
                self._ask_again_at = self._clock() + self._fresh_seconds
        return self._last
