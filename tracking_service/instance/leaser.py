"""The refiller: the one thread of an instance that leases.

One lease at a time, however many series there are and however many threads ask. While the
database is away it goes on trying for ever (see `database_health.py`).
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from tracking_service.allocation.observer import Observer
from tracking_service.errors import (
    ReserveEmptyError,
    SchemaError,
    StoreUnavailableError,
    TrackingServiceError,
)
from tracking_service.instance.database_health import Attempts, DatabaseState
from tracking_service.instance.series import Supply

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""How often rates are measured."""

ASKED_MOST = 64
"""Series that may wait to be opened at once, more than there are threads to ask for them. While
the database is away those who asked have gone, and anybody can think of names."""


class Refiller:
    """Opens series and keeps their supplies stocked, in a background thread.

    `open_series` is called in that thread, may raise UnknownSeriesError or StoreError, and
    returns the series' supply; `ping` is called in that thread, too, and returns if the database
    answers. All methods may be called from any thread.
    """

    def __init__(
        self,
        open_series: Callable[[str], Supply],
        *,
        ping: Callable[[], None],
        observer: Observer,
        instance: Callable[[], str],
    ) -> None:
        self._open_series = open_series
        self._ping = ping
        self._observer = observer
        self._instance = instance
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._called = False
        self._stopping = False
        self._finish: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self._asked: dict[str, Future[Supply]] = {}
        self._supplies: dict[str, Supply] = {}
        self._attempts = Attempts()

    def start(self) -> None:
        """Start the thread, unless it runs or has been stopped."""
        with self._lock:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="refiller", daemon=True)
                # First, for it may fail, and the next call is to try again.
                thread.start()
                self._thread = thread

    def stop(self, seconds: float, finish: Callable[[], None] = lambda: None) -> bool:
        """Lease no more; return whether the thread ended within `seconds`.

        The thread calls `finish` last; where it was never started, this does.
        """
        with self._lock:
            if not self._stopping:
                self._finish = finish
            self._stopping = True
            self._work.notify()
            for future in self._asked.values():
                future.cancel()
            thread = self._thread
        if thread is None:
            finish()
            return True
        thread.join(seconds)
        return not thread.is_alive()

    def call(self) -> None:
        """Ask for a look at every supply, now. Costs no more than a lock."""
        with self._lock:
            self._called = True
            self._work.notify()

    def open(self, series: str) -> Future[Supply]:
        """Ask for a series' supply; all who ask at once get the same future.

        It is tried until the database answers. The future then holds the supply, or
        UnknownSeriesError, or what else is wrong with the series. After `stop` it is cancelled.
        Raises ReserveEmptyError if ASKED_MOST others are waited for.
        """
        with self._lock:
            future = self._asked.get(series)
            if future is None:
                future = Future()
                if series in self._supplies:
                    future.set_result(self._supplies[series])
                elif self._stopping:
                    future.cancel()
                elif len(self._asked) >= ASKED_MOST:
                    raise ReserveEmptyError
                else:
                    self._asked[series] = future
                    self._called = True
                    self._work.notify()
            return future

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """Those of every series that was opened."""
        with self._lock:
            return tuple(self._supplies.values())

    @property
    def database(self) -> DatabaseState:
        """Whether it answers, as far as is known; `away` also if it does not come to an end."""
        return self._attempts.database(time.monotonic())

    @property
    def failing(self) -> bool:
        """Whether no block will come soon: the last attempt failed, or does not come to an end."""
        return self._attempts.failing(time.monotonic())

    @property
    def error(self) -> Exception | None:
        """Why the last attempt failed, or None if it did not."""
        return self._attempts.error

    def _run(self) -> None:
        while self._await_work():
            now = time.monotonic()
            self._attempts.begin(now)
            try:
                if self._look_after_supplies(now):
                    self._succeeded(now)
            except TrackingServiceError as error:
                self._failed(error)
            except Exception as error:  # a thread that died of a fault would starve the instance
                log.exception("the refiller met an unexpected error and goes on")
                self._failed(error)
            finally:
                self._attempts.end()
            # Also of a round that failed: the observer is to learn that the database is away.
            self._tell(self._observer.looked_after)
        self._finish()

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:  # as above: telling is not worth an instance
            log.exception("the observer of the refiller failed")

    def _await_work(self) -> bool:
        """Sleep until there is something to do; return False where the thread is to end."""
        with self._lock:
            while not self._stopping:
                wait = self._attempts.next_at - time.monotonic()
                if wait <= 0:
                    if self._called or not self._work.wait(TICK_SECONDS):
                        break
                else:
                    self._work.wait(wait)
            self._called = False
            return not self._stopping

    def _look_after_supplies(self, now: float) -> bool:
        """Open and refill what is wanted; return whether the database was asked, and answered."""
        # First of all, for the rates are wanted most while the database is away.
        for supply in self.supplies:
            supply.sample(now)
        # Before any is opened: who holds little must not wait for those who hold nothing yet.
        answered = self._refill(now)
        if self._open_asked():
            answered = True
            self._refill(now)
        if not answered and self._attempts.is_ping_due(now):
            self._ping()
            answered = True
        return answered

    def _refill(self, now: float) -> bool:
        """Lease for all who want more, a lease each in turn; return whether any did."""
        asked = False
        wanting = self.supplies
        while wanting:
            wanting = tuple(supply for supply in wanting if self._refill_one(supply, now))
            asked |= bool(wanting)
            if wanting and time.monotonic() - now > TICK_SECONDS:
                # They are asked for as fast as they lease; the rest of a round must come, too.
                self.call()
                break
        return asked

    def _refill_one(self, supply: Supply, now: float) -> bool:
        if self._stopping:
            return False
        self._attempts.begin(time.monotonic())
        try:
            return supply.refill(now)
        except StoreUnavailableError:
            with self._lock:
                # It may have to do with this one's rows alone: next time the others come first.
                self._supplies[supply.series] = self._supplies.pop(supply.series)
            raise

    def _open_asked(self) -> bool:
        with self._lock:
            asked = list(self._asked.items())
        for series, future in asked:
            self._attempts.begin(time.monotonic())
            try:
                supply = self._open_series(series)
                supply.sample(time.monotonic())
            except (StoreUnavailableError, SchemaError):
                raise
            except Exception as error:
                # It has to do with this series alone: who asked is told, no other is held up.
                if not isinstance(error, TrackingServiceError):
                    log.exception("a series cannot be opened", extra={"series": series})
                with self._lock:
                    del self._asked[series]
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            else:
                with self._lock:
                    del self._asked[series]
                    self._supplies[series] = supply
                if future.set_running_or_notify_cancel():
                    future.set_result(supply)
        return bool(asked)

    def _succeeded(self, now: float) -> None:
        if self._attempts.error is not None:
            log.warning("leasing works again", extra={"instance": self._instance()})
            for supply in self.supplies:
                supply.allocator.relent()
        self._attempts.succeeded(now)

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        seconds = self._attempts.lasted(now)
        if self._attempts.error is None:
            log.error(
                "leasing failed; it is tried again until it succeeds",
                extra={"instance": self._instance(), "error": str(error)},
            )
        most = self._attempts.failed(error, now)
        # What was called for is still to be done, as soon as it may be.
        self.call()
        self._tell(lambda: self._observer.lease_failed(error, seconds))
        refusal = ReserveEmptyError(retry_after=max(1, math.ceil(most)))
        for supply in self.supplies:
            supply.allocator.refuse(refusal)
