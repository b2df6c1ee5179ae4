"""What operators say of series while this instance runs: successors are named, series are closed.

The leasing thread reads it every few seconds, for all open series in one query, so that no request
asks. A successor is opened before it is needed; it then has its first block when it is.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from tracking_service.clock import MonotonicClock
from tracking_service.errors import ReserveEmptyError
from tracking_service.instance.registry import SeriesRegistry
from tracking_service.records import SeriesNotice

NOTICE_SECONDS = 5.0
"""Interval at which an instance reads which series have successors, and which are closed."""


class Succession:
    """Keeps the open series to what operators say. Only the leasing thread calls its methods.

    `notices` may raise StoreError.
    """

    def __init__(
        self,
        registry: SeriesRegistry,
        notices: Callable[[], Sequence[SeriesNotice]],
        *,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        self._registry = registry
        self._notices = notices
        self._clock = clock
        # A series that is opened has just read its own notice.
        self._read_again_at = clock() + NOTICE_SECONDS

    def read_if_due(self) -> None:
        """Read the notices, if it is time, and apply them to the open series. Raises StoreError."""
        if self._clock() < self._read_again_at or not self._registry.open:
            return
        by_name = {notice.name: notice for notice in self._notices()}
        self._read_again_at = self._clock() + NOTICE_SECONDS
        for series in self._registry.open.values():
            series.supply.apply_notice(by_name.get(series.name))

    def open_successors(self) -> None:
        """Ask for the successors of series that end to be opened."""
        for series in tuple(self._registry.open.values()):
            successor = series.supply.successor
            if successor is None or successor in self._registry.open:
                continue
            if series.supply.is_ending or series.supply.is_to_close:
                with suppress(ReserveEmptyError):
                    self._registry.request(successor)

    def close_series(self) -> None:
        """Close the open series that operators have closed. Raises StoreError."""
        for series in self._registry.open.values():
            if series.supply.is_to_close:
                series.supply.retire()
