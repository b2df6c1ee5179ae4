"""Keeps forks and SQLite transactions apart, and gives the child of a fork connections of its own.

SQLite records for the whole process which locks its connections hold. A child that is forked during
a transaction inherits the record and not the lock, and finds the database locked for ever
(https://www.sqlite.org/howtocorrupt.html, section 2.6). So a fork waits for the transactions
that are under way, new ones wait for the fork, and idle connections are closed before it.

Databases and the log handler (`telemetry/background_log.py`) register themselves for forks; all
else of a process is reset by `Instance.reset_after_fork`, through its `parts`. A child resets them
in the order in which they were registered: databases (when this module was imported), log handler,
instance (when the app was made). https://docs.python.org/3/library/os.html#os.register_at_fork
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracking_service.store.database.database import Database

PATIENCE_SECONDS = 10.0
"""How long a fork waits for transactions, and they for it. Without a bound, a thread that forks in
its own transaction would wait for ever."""


class ForkGuard:
    """Excludes transactions during a fork, and forks during one. One for all SQLite files."""

    def __init__(self) -> None:
        self._databases: weakref.WeakSet[Database] = weakref.WeakSet()
        self._reset()

    def add(self, database: "Database") -> None:
        """Notify `database`, which is held weakly, of every fork."""
        self._databases.add(database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Delay forks during the block, which must open its connection within."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forking, PATIENCE_SECONDS)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def before_fork(self) -> None:
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: not self._inside, PATIENCE_SECONDS)
        for database in self._databases:
            database.prepare_fork()

    def after_fork_in_parent(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        self._reset()
        for database in self._databases:
            database.reset_after_fork()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._forking = False


fork_guard = ForkGuard()

os.register_at_fork(
    before=fork_guard.before_fork,
    after_in_parent=fork_guard.after_fork_in_parent,
    after_in_child=fork_guard.after_fork_in_child,
)
