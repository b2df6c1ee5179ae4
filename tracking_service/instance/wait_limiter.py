"""Which requests of an instance may wait for a lease: all for a moment, few for longer.

Were every worker thread to wait for a database that is away, none would be left for those whose
serials are in memory. So there is one bound for an instance, however many of its series are dry.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.5
"""After so long in which those who wait get no answer, newcomers are refused at once, but for a few."""


class Wait:
    """One request that waits, in one thread."""

    def __init__(self, places: threading.Semaphore, until: float, patience: float) -> None:
        """`until` and `patience`, on the monotonic clock: how long with a place, and without."""
        self._places = places
        self._until = until
        self._patience = patience
        self._placed = places.acquire(blocking=False)

    def left(self) -> float:
        """Seconds that it may wait yet; none or less where that is over."""
        until = self._until if self._placed else min(self._until, self._patience)
        return until - time.monotonic()

    def has_place(self) -> bool:
        """Whether it is one of the few; it becomes one where another has left meanwhile."""
        self._placed = self._placed or self._places.acquire(blocking=False)
        return self._placed

    def leave(self) -> None:
        """Give the place to others."""
        if self._placed:
            self._places.release()


class Waiting:
    """The requests of one instance that wait for a lease. For any number of threads.

    While leases succeed, all may wait for PATIENCE_SECONDS, counted from when the first of
    them came or one was last answered, and `places` of them longer. While they are `failing`, only
    those `places` may wait at all; `failing` is asked with a caller's locks held and must take none.
    Who finds a serial in memory does not come here.

    A child of a fork needs one of its own: places may have been taken by threads that it has not.
    """

    def __init__(self, places: int = 2, *, failing: Callable[[], bool] = lambda: False) -> None:
        self.failing = failing
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._count = 0
        self._since = 0.0

    @contextmanager
    def one(self, seconds: float) -> Iterator[Wait]:
        """The time of one wait, of `seconds` at the most."""
        with self._lock:
            now = time.monotonic()
            if not self._count:
                self._since = now
            self._count += 1
            wait = Wait(self._places, now + seconds, self._since + PATIENCE_SECONDS)
        try:
            yield wait
        finally:
            with self._lock:
                self._count -= 1
                if wait.left() > 0:
                    self._since = time.monotonic()
                wait.leave()
