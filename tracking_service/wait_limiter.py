"""Bounds the requests that hold a thread while they wait for what the database has to bring.

Were every worker thread to wait for a database that is away, none would be left for requests whose
serials and keys are in memory. So one limiter counts all that wait in a process: for a lease, for a
series to be opened, for API keys to be read.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.5
"""When no waiting request was served for this many seconds, only those with a place wait on."""

GRACE_SECONDS = 0.1
"""The same for requests beyond half of the threads: long enough for a lease that goes well."""


class Wait:
    """One waiting request, in one thread."""

    def __init__(self, limiter: "WaitLimiter", until: float, *, in_excess: bool) -> None:
        """`until` is on the limiter's clock; `in_excess`: half of the threads wait already."""
        self._limiter = limiter
        self._until = until
        self._in_excess = in_excess
        self._has_place = False

    def may_go_on(self, *, failing: bool) -> bool:
        """Whether this request may wait, or wait on; `failing`: what it waits for fails now.

        While it fails, and when patience has run out, that takes one of the places.
        """
        now = self._limiter.clock()
        if failing or now >= self._patient_until():
            return now < self._until and self.try_acquire()
        return now < self._until

    def try_acquire(self) -> bool:
        """Take one of the places; return whether this request has one."""
        if not self._has_place and not self._in_excess:
            self._has_place = self._limiter.places.acquire(blocking=False)
        return self._has_place

    def seconds_left(self) -> float:
        """How long this request may wait before it has to ask again; 0 or more."""
        until = self._until if self._has_place else min(self._until, self._patient_until())
        return max(0.0, until - self._limiter.clock())

    def release(self) -> None:
        """Give the place to others."""
        if self._has_place:
            self._limiter.places.release()

    def _patient_until(self) -> float:
        patience = GRACE_SECONDS if self._in_excess else PATIENCE_SECONDS
        return self._limiter.served_at + patience


class WaitLimiter:
    """Lets few requests wait long, and more for a moment. For any number of threads.

    `places` requests may wait for as long as they ask for. The others wait for PATIENCE_SECONDS
    after a waiting request was last served, and those beyond half of the `threads` for
    GRACE_SECONDS only, where threads must be left for requests that need not wait.
    """

    def __init__(
        self, *, places: int = 2, threads: int = 8, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` counts seconds and never goes back."""
        self.clock = clock
        self._place_count = places
        self.resize(threads)
        self.reset_after_fork()

    def resize(self, threads: int) -> None:
        """Set how many threads the server has; a server of one has none to spare."""
        self._most = max(1, threads // 2)

    def reset_after_fork(self) -> None:
        """Begin anew: in the child of a fork nobody waits."""
        self.places = threading.BoundedSemaphore(self._place_count)
        self.served_at = 0.0
        self.waiting = 0
        self._lock = threading.Lock()

    @contextmanager
    def wait(self, seconds: float, *, leave_threads: Callable[[], bool]) -> Iterator[Wait]:
        """Count the body as one wait of `seconds` at the most.

        `leave_threads` says whether other requests need not wait: half of the threads are kept
        for them.
        """
        with self._lock:
            now = self.clock()
            if not self.waiting:
                self.served_at = now
            self.waiting += 1
            in_excess = self.waiting > self._most and leave_threads()
        wait = Wait(self, now + seconds, in_excess=in_excess)
        try:
            yield wait
        finally:
            with self._lock:
                self.waiting -= 1
                if wait.seconds_left() > 0:
                    self.served_at = self.clock()
                wait.release()
