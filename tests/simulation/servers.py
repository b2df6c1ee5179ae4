"""Database servers in memory: SQLite states that are snapshots, with faults and histories.

A server begins as a copy of a state, and has a parent: a failover, a restore and a copy are all a
server that begins with an older state of another. The SQL is the real store's, and what differs
from a file is the driver below SQLAlchemy.

One transaction at a time is in a server, so that every history is one that SQLite allows.
PostgreSQL's row locks, which allow more, are for `tests/faults` and `tests/integration/store`.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

from tests.simulation.fibers import Fibers, current

STATES = 24
"""Commits that a failover or a restore may forget at the most."""

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """One database server, and the states that it has been in."""

    def __init__(
        self,
        state: bytes,
        *,
        fibers: Fibers,
        now: Callable[[], float],
        timeline: int,
        parent: Server | None = None,
        parent_commit: int = 0,
        guarded: bool = True,
    ) -> None:
        """`parent_commit` is the last commit of the parent that this one knows. `guarded`: its
        timeline tells that it is another history.
        """
        self.fibers = fibers
        self._now = now
        self.timeline = timeline
        self.parent, self.parent_commit, self.guarded = parent, parent_commit, guarded
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.clock_ahead = 0.0
        """Seconds by which its clock is ahead of the world's."""
        self.alive = True
        self.fault: str | None = None
        """`away`, `full`, `read-only` or `slow`."""
        self.losses: deque[str] = deque()
        """What becomes of the next commits: `commit` lost, `answer` lost, or `kept`."""
        self.holder: Session | None = None
        """Whose transaction is in it."""
        self.commits = 0
        self.raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.raw.deserialize(state)
        self.raw.execute("PRAGMA foreign_keys = ON")
        self.raw.create_function("server_timeline", 0, lambda: f"7/{self.timeline:08X}")
        self.raw.create_function("strftime", -1, self._strftime)
        self.states: deque[tuple[int, bytes]] = deque([(0, state)], maxlen=STATES)
        self.tainted: set[str] = set()
        """Series of which an instance has leased that could not know better."""
        self.overrun: set[str] = set()
        """Series of which it forgot more than a skip leaves out."""
        self.margins: dict[str, int] = {}
        """The least that is skipped of each series, as it began."""
        self.skipped_by_runbook: dict[str, int] = {}
        """The commits by which an operator has skipped series past what was leased, before it
        served."""
        self.furthest_ahead = 0.0
        """The most that its clock was ever ahead."""
        self.imported = False
        """Whether it was begun by an import, and not by a copy of its parent."""
        self.unfenced = False
        """Whether its parent goes on as a primary beside it."""
        self.name = ""

    def time(self, process: Any = None) -> datetime:
        """Its clock; `process` is for what goes by the wrong one."""
        ahead = self.clock_ahead
        if process is not None and process.goes_by_its_own_clock:
            ahead = process.host.clock_ahead
        return EPOCH + timedelta(seconds=self._now() + ahead)

    def turn_clock(self, seconds: float) -> None:
        self.clock_ahead += seconds
        self.furthest_ahead = max(self.furthest_ahead, self.clock_ahead)

    def furthest_time(self) -> datetime:
        """The latest that its clock has ever shown."""
        return EPOCH + timedelta(seconds=self._now() + self.furthest_ahead)

    def _strftime(self, _format: str, _now: str, later: str = "0 seconds") -> str:
        process = self.holder.process if self.holder else None
        moment = self.time(process) + timedelta(seconds=float(later.partition(" ")[0]))
        return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")

    def is_free(self) -> bool:
        """Whether a transaction may begin, or fails to."""
        return self.holder is None or not self.alive or self.holder.process.frozen

    def release(self, session: Session) -> None:
        if self.holder is session:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")
            self.holder = None

    def stop(self) -> None:
        """Lose every transaction that is under way."""
        self.alive = False
        if self.holder is not None:
            self.release(self.holder)

    def become_child(self, parent: Server, commit: int) -> None:
        """Go on where a commit of another left off, from which everything was imported."""
        self.parent, self.parent_commit, self.depth = parent, commit, parent.depth + 1
        self.imported = True
        # A key that had expired by the parent's clock was not exported.
        self.furthest_ahead = max(self.furthest_ahead, parent.furthest_ahead)

    def knows(self, server: Server, commit: int) -> bool:
        """Whether a commit on `server` is in this one's history."""
        here: Server | None = self
        limit = self.commits
        while here is not None and here.depth >= server.depth:
            if here is server:
                return commit <= limit
            limit, here = here.parent_commit, here.parent
        return False


class Session:
    """A connection of one process, as SQLAlchemy sees the driver's."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._server: Server | None = None
        self._writes = False

    @property
    def process(self) -> Any:
        return self._slot.process

    def create_function(self, *_: object, **__: object) -> None:
        pass

    def begin(self, *, write: bool) -> None:
        process: Any = self._slot.process
        fibers = process.world.fibers
        fibers.pause()
        server = process.server
        if not server.is_free():
            fibers.wait_until(server.is_free)
        if not server.alive or server.fault == "away":
            raise sqlite3.OperationalError("could not connect")
        if server.holder is not None:
            raise sqlite3.OperationalError("database is locked")
        if server.fault == "slow":
            process.world.now += process.world.draw.random() * 3
        server.holder, self._server, self._writes = self, server, write
        server.raw.execute("BEGIN IMMEDIATE" if write else "BEGIN")

    def cursor(self, *_: object) -> sqlite3.Cursor | Opening:
        if self._server is None:
            return Opening(self)
        if self._server.holder is not self:
            raise sqlite3.OperationalError("server closed the connection unexpectedly")
        return self._server.raw.cursor()

    def commit(self) -> None:
        server = self._server
        if server is None:
            return
        fibers = server.fibers
        if self._writes:
            fibers.pause()
        if server.holder is not self:
            raise sqlite3.OperationalError("server closed the connection unexpectedly")
        if self._writes:
            self._check(server)
        server.raw.execute("COMMIT")
        server.holder = self._server = None
        if self._writes:
            server.commits += 1
            server.states.append((server.commits, server.raw.serialize()))
            if fiber := current():
                fiber.commit = (server, server.commits)
            lost = server.losses.popleft() if server.losses else "kept"
            fibers.pause()
            if lost == "answer":
                raise sqlite3.OperationalError("server closed the connection unexpectedly")

    def _check(self, server: Server) -> None:
        if server.fault in {"full", "read-only"}:
            error = sqlite3.OperationalError(f"the database is {server.fault}")
            full = server.fault == "full"
            error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_READONLY
            raise error
        if server.fault == "away" or (server.losses and server.losses[0] == "commit"):
            if server.losses:
                server.losses.popleft()
            raise sqlite3.OperationalError("server closed the connection unexpectedly")

    def rollback(self) -> None:
        if self._server is not None:
            self._server.release(self)
            self._server = None

    def close(self) -> None:
        self.rollback()


class Opening:
    """The cursor of a connection that has no transaction yet: it begins one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cursor = _BLANK.cursor()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        if statement.startswith("BEGIN"):
            self._session.begin(write=statement == "BEGIN IMMEDIATE")
        else:
            # What SQLAlchemy asks of every new engine, once.
            self._cursor.execute(statement, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


# Compiled statements belong to one dialect: with one for all, each is compiled once in a process.
_common = create_engine("sqlite://")
_common.connect().close()
_compiled: dict[Any, Any] = {}
_BLANK = sqlite3.connect(":memory:", check_same_thread=False)


class MemoryDialect:
    """Connects one slot to whatever server its process uses."""

    def __init__(self, slot: Slot, *, timelines: bool) -> None:
        self._slot = slot
        self.timeline_query = "SELECT server_timeline()" if timelines else None

    def make_engine(self, **pool: Any) -> Engine:
        return Engine(
            QueuePool(self._connect, **pool),
            _common.dialect,
            _common.url,
            execution_options={"compiled_cache": _compiled},
        )

    def _connect(self) -> Any:
        return Session(self._slot)

    def begin(self, connection: Connection, *, write: bool) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    def limited(
        self, _connection: Connection, _seconds: float | None
    ) -> AbstractContextManager[None]:
        return nullcontext()


class Slot:
    """The database as one process sees it; used again by another when that one is gone."""

    process: Any = None
