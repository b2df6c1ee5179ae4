"""Limits the requests that hold a thread while they wait for the database.

If every worker thread waited for a database that is away, none would be left for requests whose
serials and keys are in memory. One limiter counts all waits of a process: for a lease, for a series
to be opened, for API keys to be read.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracking_service.clock import MonotonicClock

PATIENCE_SECONDS = 1.5
"""When no waiting request was served for this many seconds, only requests with a place wait on."""

GRACE_SECONDS = 0.5
"""The same for requests beyond half of the threads: long enough for a normal lease."""


class Wait:
    """One waiting request, in one thread."""

    def __init__(self, limiter: "WaitLimiter", until: float, *, in_excess: bool) -> None:
        """`until` is on the limiter's clock; `in_excess`: half of the threads already wait."""
        self._limiter = limiter
        self._until = until
        self._in_excess = in_excess
        self._has_place = False

    def may_go_on(self, *, failing: bool) -> bool:
        """Whether this request may wait on; `failing`: what it waits for fails at present.

        While that fails, and after PATIENCE_SECONDS, waiting takes one of the places.
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
        """Seconds, 0 or more, until this request must call `may_go_on` again."""
        until = self._until if self._has_place else min(self._until, self._patient_until())
        return max(0.0, until - self._limiter.clock())

    def release(self) -> None:
        """Free the place, if this request has one."""
        if self._has_place:
            self._limiter.places.release()

    def _patient_until(self) -> float:
        patience = GRACE_SECONDS if self._in_excess else PATIENCE_SECONDS
        return self._limiter.served_at + patience


class WaitLimiter:
    """Lets few requests wait long, and others for a moment. For any number of threads.

    `places` requests wait as long as they want, the others up to PATIENCE_SECONDS after a waiting
    request was last served. While half of the `threads` wait and other requests need no wait, more
    wait only up to GRACE_SECONDS after that.
    """

    def __init__(
        self, *, places: int = 2, threads: int = 8, clock: MonotonicClock = time.monotonic
    ) -> None:
        self.clock = clock
        self._place_count = places
        self.resize(threads)
        self.reset_after_fork()

    def resize(self, threads: int) -> None:
        """Set the number of the server's threads."""
        self._most = max(1, threads // 2)

    def reset_after_fork(self) -> None:
        """Start empty: in the child of a fork no request waits."""
        self.places = threading.BoundedSemaphore(self._place_count)
        self.served_at = 0.0
        self.waiting = 0
        self._lock = threading.Lock()

    @contextmanager
    def wait(self, seconds: float, *, leave_threads: Callable[[], bool]) -> Iterator[Wait]:
        """Count the block as one wait of at most `seconds`.

        `leave_threads` returns whether other requests need no wait: half of the threads are kept
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
