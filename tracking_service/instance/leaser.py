"""The leaser: the thread of an instance that leases.

It makes one lease at a time for all series. `step` is one round, which the thread calls when it is
due; a simulation may call it instead, without a thread. While the database is away, rounds go on
for ever (see `database_health.py`).
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable

from tracking_service.allocation import Observer
from tracking_service.clock import MonotonicClock
from tracking_service.errors import (
    InternalError,
    ReserveEmptyError,
    StoreError,
    TrackingServiceError,
)
from tracking_service.instance.database_health import Backoff, DatabaseHealth, Uniform
from tracking_service.instance.registry import SeriesRegistry
from tracking_service.instance.series import OpenSeries
from tracking_service.instance.succession import Succession

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Interval of the measurements of rates."""


class Leaser:
    """Opens series and keeps them stocked. All methods but `step` may be called from any thread.

    `ping` returns if the database answers. Setting `woken` starts a round at once.
    """

    def __init__(
        self,
        registry: SeriesRegistry,
        succession: Succession,
        *,
        instance: str,
        ping: Callable[[], None],
        health: DatabaseHealth,
        observer: Observer,
        woken: threading.Event,
        clock: MonotonicClock = time.monotonic,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._registry = registry
        self._succession = succession
        self._instance = instance
        self._ping = ping
        self._health = health
        self._backoff = Backoff(uniform)
        self._observer = observer
        self._woken = woken
        self._clock = clock
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._last_round_at = clock()
        self._refused: OpenSeries | None = None
        """The series whose last lease the database refused although it answers."""
        self.handed_back: int | None = None
        """Serials handed back at the end; None before that, or if it could not be recorded."""

    def start(self) -> None:
        """Start the thread, unless it runs or has been stopped."""
        with self._starting:
            if self._thread is None and not self._stopped.is_set():
                thread = threading.Thread(target=self._run, name="leaser", daemon=True)
                # Before it is kept: start may fail, and the next call tries again.
                thread.start()
                self._thread = thread

    def stop(self, seconds: float) -> bool:
        """Lease no more and hand back what is unspent; return whether that ended in `seconds`.

        The thread does it: a lease may be under way, a database that hangs must not block the end
        of the process, and an interpreter that ends starts no new thread.
        """
        with self._starting:
            first, thread = not self._stopped.is_set(), self._thread
            self._stopped.set()
        self._woken.set()
        if thread is not None:
            thread.join(seconds)
            return not thread.is_alive()
        if first:
            self._hand_back()
        return True

    def seconds_until_due(self) -> float:
        """Seconds until the next round is due; 0 or less if it is due now."""
        now = self._clock()
        due = now if self._woken.is_set() else self._last_round_at + TICK_SECONDS
        return max(due, self._backoff.until) - now

    def step(self) -> None:
        """Do one round: measure rates, lease for the series that are low, open new ones.

        Raises nothing: what fails is tried again after the back-off.
        """
        self._woken.clear()
        self._last_round_at = self._clock()
        self._health.begin()
        try:
            if self._look_after_series():
                self._succeeded()
        except TrackingServiceError as error:
            self._failed(error)
        except Exception:  # if the thread ended, the instance would run out of serials
            log.exception("the leaser met an unexpected error and goes on")
            self._failed(InternalError())
        finally:
            self._health.end()
        # Also after a round that failed, so that metrics show that the database is away.
        self._notify_observer(self._observer.round_done)

    def _run(self) -> None:
        while self._sleep():
            self.step()
        self._hand_back()

    def _sleep(self) -> bool:
        """Sleep until a round is due; return False at the end."""
        while not self._stopped.is_set() and (seconds := self.seconds_until_due()) > 0:
            # Only the end shortens a back-off.
            backs_off = self._backoff.until > self._clock()
            (self._stopped if backs_off else self._woken).wait(seconds)
        return not self._stopped.is_set()

    def _look_after_series(self) -> bool:
        """Lease and open what is needed; return whether the database was asked, and answered."""
        # First, because rates are needed most while the database is away.
        for series in tuple(self._registry.open.values()):
            series.supply.measure()
        # Before any is opened: open series come first.
        answered = self._lease_for_all()
        self._health.begin()
        self._succession.read_if_due()
        self._succession.open_successors()
        if self._registry.open_requested():
            answered = True
            self._lease_for_all()
        # Last, so that successors have serials by now.
        self._succession.close_series()
        if not answered and self._health.is_ping_due:
            self._probe()
            answered = True
        return answered

    def _probe(self) -> None:
        """Ask the database for what it last failed at: a lease, or any answer."""
        # A database whose disk is full answers a ping, and leases nothing.
        if self._refused is None or not self._refused.supply.lease_if_low(at_least=1):
            self._ping()

    def _lease_for_all(self) -> bool:
        """Lease for all series that are low, one lease each in turn; return whether any was low."""
        began = self._clock()
        # A failure may concern the rows of one series: next time the others come first.
        wanting = sorted(self._registry.open.values(), key=lambda series: series.supply.failed_at)
        asked = False
        while wanting:
            wanting = [series for series in wanting if self._lease_for(series)]
            asked |= bool(wanting)
            if wanting and self._clock() - began > TICK_SECONDS:
                # They spend as fast as they lease, and the rest of the round must be done, too.
                self._woken.set()
                break
        return asked

    def _lease_for(self, series: OpenSeries) -> bool:
        if self._stopped.is_set():
            return False
        self._health.begin()
        try:
            return series.supply.lease_if_low()
        except TrackingServiceError as error:
            self._refused = None if error.transient else series
            raise

    def _succeeded(self) -> None:
        if self._health.error is not None:
            log.warning("leasing works again", extra={"instance": self._instance})
            for series in self._registry.open.values():
                series.allocator.clear_error()
        self._refused = None
        self._backoff.succeed()
        self._health.succeed()

    def _failed(self, error: TrackingServiceError) -> None:
        seconds = self._health.seconds_under_way
        if self._health.error is None:
            log.error(
                "leasing failed; it is tried again until it succeeds",
                extra={"instance": self._instance, "error": str(error)},
            )
        longest = self._backoff.fail(self._clock())
        self._health.fail(error)
        # What woke the thread is still to be done.
        self._woken.set()
        self._notify_observer(lambda: self._observer.lease_failed(error, seconds))
        refusal = ReserveEmptyError(retry_after=max(1, math.ceil(longest)))
        for series in tuple(self._registry.open.values()):
            series.allocator.set_error(refusal)

    def _notify_observer(self, notify: Callable[[], None]) -> None:
        try:
            notify()
        except Exception:  # as in `step`
            log.exception("the observer of the leaser failed")

    def _hand_back(self) -> None:
        serials = 0
        done: list[OpenSeries] = []
        for name, series in self._registry.open.items():
            try:
                serials += series.supply.hand_back()
            except StoreError as error:
                log.warning(
                    "serials could not be handed back", extra={"series": name, "error": str(error)}
                )
                break
            done.append(series)
        else:
            self.handed_back = serials
        # After all have gone back, for the time may be up.
        for series in done:
            series.supply.record_hand_back()
