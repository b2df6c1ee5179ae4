"""One running process that issues: its name, its open series, and the thread that leases for them.

Nothing is leased before `start` or the first request, so that an app that is only made, or forked,
holds nothing.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial

from tracking_service.allocation import (
    BlockStore,
    HighWaterMarks,
    NullObserver,
    Observer,
    ReservePlan,
)
from tracking_service.clock import MonotonicClock
from tracking_service.errors import ReserveEmptyError
from tracking_service.instance.database_health import DatabaseHealth, Uniform
from tracking_service.instance.leaser import Leaser
from tracking_service.instance.number_spaces import DEFAULT_SERIES, NumberSpaces, SeriesSource
from tracking_service.instance.numbers_ahead import NumbersAheadLimit
from tracking_service.instance.process import (
    ProcessHooks,
    ResetsAfterFork,
    instance_name,
    register_hooks,
)
from tracking_service.instance.registry import SeriesRegistry
from tracking_service.instance.series import OpenSeries
from tracking_service.instance.succession import Succession
from tracking_service.telemetry.state import InstanceState
from tracking_service.wait_limiter import Wait, WaitLimiter


class Instance:
    """What one process issues from. Its methods may be called from any number of threads."""

    def __init__(
        self,
        store_for: Callable[[str], BlockStore],
        series_source: SeriesSource,
        marks: HighWaterMarks,
        *,
        number_spaces: NumberSpaces | None = None,
        limiter: WaitLimiter | None = None,
        reserve_seconds: float = 900.0,
        wait_seconds: float = 2.0,
        observer: Observer | None = None,
        parts: Sequence[ResetsAfterFork] = (),
        threaded: bool = True,
        clock: MonotonicClock = time.monotonic,
        uniform: Uniform = random.uniform,
        new_name: Callable[[], str] = instance_name,
        register_hooks: Callable[[ProcessHooks], None] = register_hooks,
    ) -> None:
        """`store_for` makes the block store of an instance of a given name. `number_spaces` are
        those that requests read numbers with. `reserve_seconds` and `wait_seconds` are the
        settings of these names.

        `parts` are reset in the child of a fork, before the instance itself. Without `threaded`
        nothing leases but calls of `leaser.step`.

        `new_name` names the process, and its child after a fork, as no other is named.
        `register_hooks` has the instance reset at forks and closed at the end of the process.
        """
        self.number_spaces = number_spaces or NumberSpaces(series_source)
        self.limiter = limiter or WaitLimiter(clock=clock)
        self._store_for = store_for
        self._series_source = series_source
        self._marks = marks
        self._plan = ReservePlan(reserve_seconds)
        self._wait_seconds = wait_seconds
        self._observer = observer or NullObserver()
        self._parts = (*parts, self.limiter)
        self._threaded = threaded
        self._clock = clock
        self._uniform = uniform
        self._new_name = new_name
        self._begin()
        register_hooks(self)

    def _begin(self) -> None:
        self.name = self._new_name()
        self._store = self._store_for(self.name)
        self.health = DatabaseHealth(self._clock)
        self._numbers_limit = NumbersAheadLimit()
        self._woken = threading.Event()
        self.registry = SeriesRegistry(
            self._open_series,
            health=self.health,
            wait=self._wait,
            wake_leaser=self._woken.set,
            clock=self._clock,
        )
        self.leaser = Leaser(
            self.registry,
            Succession(self.registry, self._series_source.notices, clock=self._clock),
            instance=self.name,
            ping=self._store.ping,
            health=self.health,
            observer=self._observer,
            woken=self._woken,
            clock=self._clock,
            uniform=self._uniform,
        )
        # Each is set once and by one thread; others may see it a moment late.
        self.leaving = False
        """Whether a shutdown has begun."""
        self._closing = False

    def start(self) -> None:
        """Start leasing for the default series, in the background; once is enough."""
        if not self._closing:
            if self._threaded:
                self.leaser.start()
            with suppress(ReserveEmptyError):
                self.registry.request(DEFAULT_SERIES)

    def wait_for_series(self, name: str) -> OpenSeries:
        """Have a series opened at its first use, and wait for it a bounded time.

        Raises UnknownSeriesError, ReserveEmptyError, ShuttingDownError, KeyChangedError and
        SchemaError.
        """
        self.start()
        return self.registry.get(name)

    def first_with_serials(self, series: OpenSeries) -> OpenSeries:
        """The series, or else the first of its open successors, that has serials in memory.

        The series itself if none has any.
        """
        # Not by `successors_of`, which costs more than a number does: once a series is exhausted,
        # every request for it comes here.
        opened, found = self.registry.open, series
        for _ in range(len(opened)):
            if found.has_serials:
                return found
            successor = opened.get(found.supply.successor or "")
            if successor is None:
                break
            found = successor
        return series

    def state(self) -> InstanceState:
        """What is held now. Costs a lock for each open series, asks no database, starts nothing."""
        return InstanceState(
            self.health.database,
            tuple(series.state() for series in tuple(self.registry.open.values())),
        )

    def has_spent(self, series: str, serial: int, instance: str) -> bool:
        """Whether `instance`, which leased the serial, is this one and has handed it out."""
        opened = self.registry.open.get(series)
        return (
            opened is not None and instance == self.name and opened.numbers_ahead.has_spent(serial)
        )

    def stop_being_ready(self) -> None:
        """Be no longer ready, and go on issuing: a shutdown has begun."""
        self.leaving = True

    def close(self, seconds: float = 5.0) -> int | None:
        """Issue no more and hand back what was not spent; return how many serials went back.

        None if that was not recorded within `seconds`, as where the database hangs: the serials
        are lost. Called again it takes no time, and says what has been recorded by now.
        """
        if self._closing:
            seconds = 0.0
        self.leaving = self._closing = True
        self.registry.close()
        self.leaser.stop(seconds)
        return self.leaser.handed_back

    def reset_after_fork(self) -> None:
        """Drop everything that a fork copied: the blocks, which are the parent's, and the rest."""
        for part in self._parts:
            part.reset_after_fork()
        self._begin()

    def _wait(self) -> AbstractContextManager[Wait]:
        return self.limiter.wait(self._wait_seconds, leave_threads=self.registry.has_serials)

    def _open_series(self, name: str) -> OpenSeries:
        record = self._series_source.find(name)
        return OpenSeries(
            record,
            self.number_spaces.get(record),
            instance=self.name,
            store=self._store,
            marks=self._marks,
            plan=self._plan,
            observer=self._observer,
            health=self.health,
            wait=self._wait,
            wake_leaser=self._woken.set,
            numbers_limit=self._numbers_limit,
            successor_has_serials=partial(self.registry.successor_has_serials, name),
            clock=self._clock,
        )
