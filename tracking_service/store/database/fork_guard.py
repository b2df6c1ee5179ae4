"""Keeps a fork and SQLite's transactions apart.

SQLite notes for the whole process which locks its connections hold. A child that is forked in the
midst of a transaction inherits the note and not the lock: it finds the database locked for ever,
by nobody (https://www.sqlite.org/howtocorrupt.html, section 2.6). So a fork waits for the
transactions that are under way, and new ones wait for the fork; and connections at rest are closed
before, so that no child has one.
"""

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

PATIENCE_SECONDS = 10.0
"""How long a fork waits for transactions, and these for it, before each takes its chance; a thread
that forks in the midst of its own transaction would wait for ever."""

GATE = "gate"
"""Names, among an engine's execution options, the gate that its transactions pass."""


class Gate:
    """Lets either transactions or a fork through. One for all SQLite files of a process."""

    def __init__(self) -> None:
        self._engines: weakref.WeakSet[Engine] = weakref.WeakSet()
        self.forget()

    def forget(self) -> None:
        """Begin anew: for the child of a fork, in which no transaction is under way."""
        self._changed = threading.Condition()
        self._inside = 0
        self._forking = False

    def keep(self, engine: Engine) -> None:
        """Let the transactions of an SQLite engine pass here from now on."""
        self._engines.add(engine)
        engine.update_execution_options(**{GATE: self})

    @contextmanager
    def passing(self) -> Iterator[None]:
        """The time of one transaction, from before its connection is opened."""
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
        """Wait until nothing is under way, and close what is at rest."""
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: not self._inside, PATIENCE_SECONDS)
        for engine in self._engines:
            engine.dispose()

    def after_fork(self) -> None:
        """Let transactions go on in the parent."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()


gate = Gate()

os.register_at_fork(
    before=gate.before_fork, after_in_parent=gate.after_fork, after_in_child=gate.forget
)
