"""The use case: the fleet's last leases, read from the database at most once a second."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from tracking_service.clock import utc_now
from tracking_service.errors import StoreError
from tracking_service.instance.database_health import Clock, DatabaseState
from tracking_service.records import LeasedBlock

LEASES = 12
"""How many leases are shown."""

FRESH_SECONDS = 1.0
"""An instance asks the database no more often than this, however many requests come."""

READING_SECONDS = 30.0
"""While one request reads the database, others do not wait for it: longer than it can take."""


class LatestLeases:
    """The fleet's last leases; a request gets old ones rather than wait.

    It has no lock, so that a fork cannot copy one that is held. Two requests may read the database
    at once, which does no harm.
    """

    def __init__(
        self, latest: Callable[..., Sequence[LeasedBlock]], *, clock: Clock = time.monotonic
    ) -> None:
        """`latest` is `BlockReader.latest`."""
        self._latest = latest
        self._clock = clock
        self._read_again_at = float("-inf")
        self._last: tuple[Sequence[LeasedBlock], datetime | None] = ((), None)

    def read(self, database: DatabaseState) -> tuple[Sequence[LeasedBlock], datetime | None]:
        """The leases, the newest first, and when they were read; None before the first time."""
        now = self._clock()
        if database != "away" and now >= self._read_again_at:
            self._read_again_at = now + READING_SECONDS
            try:
                self._last = (self._latest(limit=LEASES), utc_now())
            except StoreError:
                # The leasing thread notices the same, and logs it.
                pass
            finally:
                self._read_again_at = self._clock() + FRESH_SECONDS
        return self._last
