"""A bound on how many requests are in the database at once: threads must be left to issue numbers.

Whoever verifies a number, or issues a batch for an idempotency key, holds a worker thread for as
long as the database takes. While it hangs that is until the deadline, and with every thread held
nobody would get the numbers that are in memory. So few have a turn at once; the others wait for
one only while the database shows signs of life.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tracking_service.errors import StoreUnavailableError

TURNS = "turns"
"""Names, among an engine's execution options, the turns that its transactions take."""

TURNS_MOST = 8
"""Requests with a turn on a server of any size, so that its pool has connections to spare."""

PATIENCE_SECONDS = 0.25
"""A database in which nothing has come to its end for so long hangs, or is as good as that."""


class Turns:
    """Lets few transactions of requests in at once. One for a process; for any number of threads.

    A quarter of the server's threads have a turn, and one at the least. After one that failed there
    is one at a time, and nobody waits for it, until one succeeds.
    """

    def __init__(self, threads: int) -> None:
        self.fit(threads)
        self.forget()

    def fit(self, threads: int) -> None:
        """Set how many threads the server has; one that has a single thread has none to spare."""
        self._most = max(1, min(TURNS_MOST, threads // 4))

    def forget(self) -> None:
        """Begin anew: for the child of a fork, in which nobody has a turn."""
        self._changed = threading.Condition()
        self._inside = 0
        self._failing = False
        self._alive_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time of one transaction. Raises StoreUnavailableError where none is to be had."""
        with self._changed:
            self._wait()
            if not self._inside:
                self._alive_at = time.monotonic()
            self._inside += 1
        failed = False
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeoutError):
            # Of the rest, such as a key that is there already, the database told in good time.
            failed = True
            raise
        finally:
            with self._changed:
                self._inside -= 1
                self._failing = failed
                if not failed:
                    self._alive_at = time.monotonic()
                if failed:
                    # Those who wait are to learn that they do in vain.
                    self._changed.notify_all()
                else:
                    self._changed.notify()

    def _wait(self) -> None:
        while self._inside >= (1 if self._failing else self._most):
            left = self._alive_at + PATIENCE_SECONDS - time.monotonic()
            if self._failing or left <= 0:
                raise StoreUnavailableError("the database keeps those waiting who asked before")
            self._changed.wait(left)
