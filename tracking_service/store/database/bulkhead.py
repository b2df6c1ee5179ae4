"""Limits how many requests are in the database at once, so that threads are left to issue numbers.

A request that verifies a number, or has an idempotency key, holds a worker thread until the
database answers. A database that hangs would hold every thread, and no request would get a number
from memory.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tracking_service.clock import MonotonicClock
from tracking_service.errors import StoreUnavailableError

CAPACITY_MOST = 8
"""Greatest number of requests in the database at once, so that its pool has connections left."""

PATIENCE_SECONDS = 0.25
"""When no transaction has ended for this many seconds, the database counts as hanging."""


class Bulkhead:
    """Admits a quarter of the server's threads at once, and at least one. For any number of threads.

    After a transaction in which the database was unavailable one request is admitted at a time,
    and the others are refused, until one succeeds.
    """

    def __init__(self, threads: int, *, clock: MonotonicClock = time.monotonic) -> None:
        self._clock = clock
        self.resize(threads)
        self.reset_after_fork()

    def resize(self, threads: int) -> None:
        """Set how many threads the server has."""
        self._capacity = max(1, min(CAPACITY_MOST, threads // 4))

    def reset_after_fork(self) -> None:
        """Start empty: in the child of a fork no request is in the database."""
        self._changed = threading.Condition()
        self._inside = 0
        self._failing = False
        self._alive_at = 0.0

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Hold a place for one transaction.

        A caller waits for a place only while transactions end. Raises StoreUnavailableError if
        there is none.
        """
        with self._changed:
            self._wait()
            if not self._inside:
                self._alive_at = self._clock()
            self._inside += 1
        failed = False
        try:
            yield
        except StoreUnavailableError:
            # Any other error shows that the database answers.
            failed = True
            raise
        finally:
            with self._changed:
                self._inside -= 1
                self._failing = failed
                if failed:
                    # Waiting requests are refused now.
                    self._changed.notify_all()
                else:
                    self._alive_at = self._clock()
                    self._changed.notify()

    def _wait(self) -> None:
        while self._inside >= (1 if self._failing else self._capacity):
            left = self._alive_at + PATIENCE_SECONDS - self._clock()
            if self._failing or left <= 0:
                raise StoreUnavailableError("too many requests wait for the database already")
            self._changed.wait(left)
