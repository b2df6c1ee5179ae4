"""The registry of an instance's open series, and of those that requests ask to open."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, suppress
from copy import copy

from tracking_service.clock import MonotonicClock
from tracking_service.errors import (
    InternalError,
    ReserveEmptyError,
    ShuttingDownError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.database_health import DatabaseHealth
from tracking_service.instance.series import OpenSeries
from tracking_service.wait_limiter import Wait

log = logging.getLogger(__name__)

REQUESTED_MOST = 64
"""Series that may wait to be opened. While the database is away they wait on after their requests
have ended, and callers may invent names."""

UNKNOWN_SECONDS = 1.0
"""How long an unknown name is refused without a query; short, so that a new series is found
soon."""

UNKNOWN_MOST = 1024
"""Names remembered as unknown; callers may invent more, and then all are dropped."""


class SeriesRegistry:
    """Opens series at the first request for them. For any number of threads.

    `open_series` reads a series and makes an OpenSeries. Only the leasing thread calls it, by
    `open_requested`. It may raise UnknownSeriesError or StoreError.
    """

    def __init__(
        self,
        open_series: Callable[[str], OpenSeries],
        *,
        health: DatabaseHealth,
        wait: Callable[[], AbstractContextManager[Wait]],
        wake_leaser: Callable[[], None],
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        self.open: dict[str, OpenSeries] = {}
        """By name. Read without a lock; only the leasing thread changes it."""
        self._open_series = open_series
        self._health = health
        self._wait = wait
        self._wake_leaser = wake_leaser
        self._clock = clock
        self._lock = threading.Lock()
        self._requested: dict[str, Future[OpenSeries]] = {}
        self._closed = False
        # When a name was found to be unknown. Used without a lock: two threads at once cost one
        # more query at most.
        self._unknown: dict[str, float] = {}

    def get(self, name: str) -> OpenSeries:
        """The open series of this name; if it has to be opened, wait a bounded time.

        Raises UnknownSeriesError, ReserveEmptyError if the database does not answer in time,
        ShuttingDownError, and KeyChangedError.
        """
        return self.open.get(name) or self._first_use(name)

    def has_serials(self) -> bool:
        """Whether any open series has serials in memory, those in lanes too. Takes no lock."""
        return any(series.has_serials for series in tuple(self.open.values()))

    def successors_of(self, series: OpenSeries) -> Iterator[OpenSeries]:
        """The open successors of a series, at any distance, in order; each once. Takes no lock."""
        # The successor of a series opened just now is newer than the others': for a moment they may
        # form a circle.
        seen = {series.name}
        while (name := series.supply.successor) is not None and name not in seen:
            seen.add(name)
            successor = self.open.get(name)
            if successor is None:
                return
            yield successor
            series = successor

    def successor_has_serials(self, name: str) -> bool:
        """Whether any open successor of this series has serials in memory. Takes no lock."""
        series = self.open.get(name)
        return series is not None and any(each.has_serials for each in self.successors_of(series))

    def request(self, name: str) -> Future[OpenSeries]:
        """Ask for a series to be opened; requests at the same time share a future.

        Opening is tried until the database answers; `close` cancels the future. Raises
        ReserveEmptyError if REQUESTED_MOST others wait.
        """
        with self._lock:
            future = self._requested.get(name)
            if future is None:
                future = Future()
                if name in self.open:
                    future.set_result(self.open[name])
                elif self._closed:
                    future.cancel()
                elif len(self._requested) >= REQUESTED_MOST:
                    raise ReserveEmptyError
                else:
                    self._requested[name] = future
                    self._wake_leaser()
            return future

    def open_requested(self) -> bool:
        """Open the requested series; return whether there were any. Raises StoreError."""
        with self._lock:
            requested = list(self._requested.items())
        for name, future in requested:
            self._health.begin()
            try:
                series = self._open_series(name)
            except TrackingServiceError as error:
                if not error.concerns_one_series:
                    raise
                self._refuse(name, future, error)
            except Exception:  # a fault of one series must not block others
                log.exception("a series cannot be opened", extra={"series": name})
                self._refuse(name, future, InternalError())
            else:
                self.open[name] = series
                self._forget(name)
                if future.set_running_or_notify_cancel():
                    future.set_result(series)
        return bool(requested)

    def close(self) -> None:
        """Open nothing more and hand out no more; end the wait of requests."""
        with self._lock:
            self._closed = True
            requested = list(self._requested.values())
        for future in requested:
            future.cancel()
        for series in tuple(self.open.values()):
            series.close()

    def _refuse(self, name: str, future: Future[OpenSeries], error: TrackingServiceError) -> None:
        self._forget(name)
        if future.set_running_or_notify_cancel():
            future.set_exception(error)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._requested.pop(name, None)

    def _first_use(self, name: str) -> OpenSeries:
        if self._closed:
            raise ShuttingDownError
        if self._clock() - self._unknown.get(name, -math.inf) < UNKNOWN_SECONDS:
            raise UnknownSeriesError(name)
        future = self.request(name)
        try:
            with self._wait() as wait:
                while future.done() or wait.may_go_on(failing=self._health.failing):
                    with suppress(TimeoutError):
                        return future.result(max(0.0, wait.seconds_left()))
            raise ReserveEmptyError
        except UnknownSeriesError:
            if len(self._unknown) >= UNKNOWN_MOST:
                self._unknown.clear()
            self._unknown[name] = self._clock()
            raise UnknownSeriesError(name) from None
        except TrackingServiceError as error:
            # Several requests may wait for one future; each raises a copy.
            raise copy(error) from None
        except CancelledError:
            raise ShuttingDownError from None
