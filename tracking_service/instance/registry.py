"""The one registry of the series that an instance has open, and of those it is asked to open."""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, suppress
from copy import copy

from tracking_service.errors import (
    InternalError,
    ReserveEmptyError,
    ShuttingDownError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.database_health import Clock, DatabaseHealth
from tracking_service.instance.series import OpenSeries
from tracking_service.wait_limiter import Wait

log = logging.getLogger(__name__)

REQUESTED_MOST = 64
"""Series that may wait to be opened at once, more than there are threads to ask for them. While
the database is away the requests have ended, and anybody can think of names."""

UNKNOWN_SECONDS = 1.0
"""How long a name that no series has is refused without asking again: short, for a new series is
to be found soon."""

UNKNOWN_MOST = 1024
"""Names remembered as unknown; anybody can think of more, so all are dropped then."""


class SeriesRegistry:
    """Opens series when they are first asked for. For any number of threads.

    `open_series` looks a series up and makes what is needed to issue from it; the leasing thread
    alone calls it, by `open_requested`. It may raise UnknownSeriesError or StoreError.
    """

    def __init__(
        self,
        open_series: Callable[[str], OpenSeries],
        *,
        health: DatabaseHealth,
        wait: Callable[[], AbstractContextManager[Wait]],
        wake: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.open: dict[str, OpenSeries] = {}
        """By name. Read without a lock; only the leasing thread changes it."""
        self._open_series = open_series
        self._health = health
        self._wait = wait
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()
        self._requested: dict[str, Future[OpenSeries]] = {}
        self._closed = False
        # When a name was found to be unknown. Used without a lock: what two threads do to it at
        # once costs a question to the database at the most.
        self._unknown: dict[str, float] = {}

    def get(self, name: str) -> OpenSeries:
        """The open series of this name; wait a bounded time where it has to be opened.

        Raises UnknownSeriesError, ReserveEmptyError where the database does not answer in time,
        ShuttingDownError, and what else is wrong with the series: KeyChangedError.
        """
        return self.open.get(name) or self._first_use(name)

    def has_serials(self) -> bool:
        """Whether any open series has serials in memory. Takes no lock."""
        return any(series.allocator.has_serials for series in tuple(self.open.values()))

    def request(self, name: str) -> Future[OpenSeries]:
        """Ask for a series to be opened; all who ask at once get the same future.

        It is tried until the database answers, and cancelled by `close`. Raises ReserveEmptyError
        if REQUESTED_MOST others are waited for.
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
                    self._wake()
            return future

    def open_requested(self) -> bool:
        """Open what is asked for; return whether the database was asked. Raises StoreError."""
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
            except Exception:  # what is odd about one series holds no other up
                log.exception("a series cannot be opened", extra={"series": name})
                self._refuse(name, future, InternalError())
            else:
                self.open[name] = series
                self._forget(name)
                if future.set_running_or_notify_cancel():
                    future.set_result(series)
        return bool(requested)

    def close(self) -> None:
        """Open nothing more and hand out no more; requests that wait learn it."""
        with self._lock:
            self._closed = True
            requested = list(self._requested.values())
        for future in requested:
            future.cancel()
        for series in tuple(self.open.values()):
            series.allocator.close()

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
            # Many may wait for one future, and an error is not to be raised twice.
            raise copy(error) from None
        except CancelledError:
            raise ShuttingDownError from None
