"""Connections to PostgreSQL on which no wait is for ever.

The server's own time-outs end a statement only while the server lives, and TCP's only when the
other kernel does not answer. A server that is stopped, a pooler that is paused, or a proxy that
swallows every byte, leaves a client waiting for ever. So the client gives up by itself: psycopg
waits in steps of a tenth of a second, and `TimedConnection` looks at the clock at each.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Connection, Engine, create_engine, event


class TimedConnection(psycopg.Connection[Any]):
    """A connection that ends itself when the server does not answer in time.

    The outcome of a commit that is cut off is unknown, as with any lost connection.
    """

    answer_seconds = math.inf
    """How long the server may take for one answer."""
    give_up_at = math.inf
    """When the transaction as a whole is given up, in seconds of the monotonic clock."""

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: PQGen[RV]) -> PQGen[RV]:
        began = time.monotonic()
        end = min(self.give_up_at, began + self.answer_seconds)
        try:
            state = next(gen)
            while True:
                ready = yield state
                if (now := time.monotonic()) >= end:
                    # A late answer must not be taken for the answer to another question.
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"given up after {now - began:.1f} s")
                state = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


class Postgresql:
    """Connects to one PostgreSQL database, and begins transactions in it."""

    # From the name of the WAL file that is being written. `pg_control_checkpoint()` would be
    # plainer, and wrong: it has the timeline of the last checkpoint, and a promoted server makes
    # one only some time after its first commit.
    timeline_query = (
        "SELECT (SELECT system_identifier FROM pg_control_system())"
        " || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
    )

    def __init__(self, url: URL, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        limit = f"'{round(timeout_seconds * 1000)}ms'"
        # The lease relies on READ COMMITTED: an UPDATE that waited for the row must see the row as
        # it is. LOCAL, so that poolers and other users are not affected.
        self._begin = (
            "BEGIN ISOLATION LEVEL READ COMMITTED;"
            f" SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {limit}"
        )

    def make_engine(self, **pool: Any) -> Engine:
        """Return an engine whose connections are `TimedConnection`s."""
        engine = create_engine(
            self._url,
            # A statement's parameters may be a key, and are not for any log or traceback.
            hide_parameters=True,
            # Of the driver: `begin` begins every transaction, in one message with its settings.
            isolation_level="AUTOCOMMIT",
            # Would look up a type that no table has.
            use_native_hstore=False,
            # Text is text, whatever the encoding of the database, SQL_ASCII too.
            client_encoding="utf8",
            pool_timeout=self._timeout_seconds,
            connect_args={
                # libpq counts whole seconds, host by host, and takes 1 for 2.
                "connect_timeout": max(2, round(self._timeout_seconds)),
                "application_name": "tracking-service",
                # The kernel notices a peer that vanished without a word.
                "keepalives_idle": max(1, round(self._timeout_seconds)),
                "keepalives_interval": 1,
                "keepalives_count": 3,
                "tcp_user_timeout": round(self._timeout_seconds * 1000),
                # A pooler such as PgBouncer may give each transaction another server.
                "prepare_threshold": None,
            },
            **pool,
        )
        event.listen(engine, "do_connect", self._open)
        return engine

    def begin(self, connection: Connection, *, write: bool) -> None:
        """Begin a transaction, whose statements and waits for locks the server ends in time."""
        # The commit of a lease must be on disk whatever the server's default is: one that a crash
        # forgets is a repeat.
        connection.exec_driver_sql(
            self._begin + ("; SET LOCAL synchronous_commit = on" if write else "")
        )

    @contextmanager
    def limited(self, connection: Connection, answer_seconds: float | None) -> Iterator[None]:
        """Give the server twice the time-out for the block as a whole; with `answer_seconds`, that
        long for each answer.
        """
        driver = cast(TimedConnection, connection.connection.dbapi_connection)
        if answer_seconds is None:
            # Twice, so that the server's own time-outs, whose errors say more, come first.
            driver.answer_seconds = 2 * self._timeout_seconds
            driver.give_up_at = time.monotonic() + driver.answer_seconds
        else:
            driver.answer_seconds = answer_seconds
        try:
            yield
        finally:
            driver.answer_seconds, driver.give_up_at = self._timeout_seconds, math.inf

    def _open(self, _dialect: Any, _record: Any, cargs: Any, cparams: Any) -> TimedConnection:
        connection = TimedConnection.connect(*cargs, **cparams)
        connection.answer_seconds = self._timeout_seconds
        return connection
