"""The connection to the database: Flask-SQLAlchemy's, and one of the leases' own.

A lease runs on its own engine, with a pool of one connection: requests that read blocks can use up
their pool and never stop a lease, and a request's rollback cannot un-lease what was handed out.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from tracking_service.settings import Settings
from tracking_service.store.database.deadline import DEADLINE, deadline
from tracking_service.store.database.fork_guard import gate
from tracking_service.store.models import Base

db = SQLAlchemy(metadata=Base.metadata)

WRITES = "writes"
"""Marks, among the execution options, a connection whose transactions write."""

WAL_SECONDS = 5.0
"""How long a process that opens a new file may wait for others that do so, too."""

_FILE = "file"
"""Names, among a pooled connection's facts, the file that it has open."""


def engine_options(url: URL, settings: Settings) -> dict[str, Any]:
    """Options of every engine: the time-outs."""
    seconds = settings.database_timeout_seconds
    # A statement's parameters may be a key, and are not for any log or traceback.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        return {**options, "connect_args": {"timeout": seconds}}
    milliseconds = round(seconds * 1000)
    return {
        **options,
        # The lease relies on it: an UPDATE that waited for the row must see the row as it is.
        "isolation_level": "READ COMMITTED",
        "pool_timeout": seconds,
        "connect_args": {
            # libpq counts whole seconds, host by host, and takes 1 for 2.
            "connect_timeout": max(2, round(seconds)),
            "application_name": "tracking-service",
            # A peer that vanished without a word is noticed by the kernel.
            "keepalives_idle": max(1, round(seconds)),
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "tcp_user_timeout": milliseconds,
            # A pooler such as PgBouncer may give each transaction another server.
            "prepare_threshold": None,
        },
    }


def lease_engine(engine: Engine, settings: Settings) -> Engine:
    """A second engine on the same database, for leases alone."""
    options = engine_options(engine.url, settings)
    made = create_engine(engine.url, pool_size=1, max_overflow=0, **options)
    prepare(made, settings)
    return made.execution_options(**{WRITES: True})


def prepare(engine: Engine, settings: Settings) -> None:
    """Attach to an engine what this service needs of its connections and transactions."""
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgresql(engine, settings.database_timeout_seconds)


def _prepare_sqlite(engine: Engine) -> None:
    path = engine.url.database or ""

    def connected(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        _sqlite_connected(connection)
        record.info[_FILE] = _file_at(path)

    def checked_out(_connection: object, record: ConnectionPoolEntry, _fairy: object) -> None:
        # A file that an older copy took the place of lives on for those who have it open. Who
        # leased from it would lease what others lease from the copy.
        if record.info.get(_FILE) != _file_at(path):
            raise InvalidatePoolError

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "begin", _sqlite_begin)
    gate.keep(engine)


def _file_at(path: str) -> tuple[int, int] | None:
    """Which file is at `path` now, whatever it is called; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare_postgresql(engine: Engine, seconds: float) -> None:
    limit = f"{round(seconds * 1000)}ms"
    # Not imported above: who has SQLite is not to wait for the driver.
    driver = engine.dialect.loaded_dbapi

    def begin(connection: Connection) -> None:
        # For this transaction only, so that poolers and other users are not affected. The commit
        # of a lease must be on disk whatever the server's default is: one that a crash forgets is
        # a repeat.
        connection.exec_driver_sql(
            f"SET LOCAL statement_timeout = '{limit}'; SET LOCAL lock_timeout = '{limit}'"
            + ("; SET LOCAL synchronous_commit = on" if _writes(connection) else "")
        )

    def checked_out(connection: Any, _record: object, _fairy: object) -> None:
        # What pool_pre_ping does, but for its waiting for ever on a server that is stopped.
        try:
            with deadline(connection, seconds):
                engine.dialect.do_ping(connection)
        except driver.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "begin", begin)
    event.listen(engine, "checkout", checked_out)
    # Twice, so that the server's own time-outs, which tell more, come first.
    engine.update_execution_options(**{DEADLINE: 2 * seconds})


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES))


def _sqlite_connected(connection: sqlite3.Connection) -> None:
    # The driver's own BEGIN comes too late, before the first write only; see _sqlite_begin.
    connection.isolation_level = None
    _to_wal(connection)
    # WAL with NORMAL may forget a committed lease at a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _to_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which lasts, so that readers and a writer do not block.

    The switch takes an exclusive lock without waiting for it; several processes that open a new
    file at once must try again.
    """
    give_up_at = time.monotonic() + WAL_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _sqlite_begin(connection: Connection) -> None:
    # A lease takes the write lock at once. A transaction that reads first and then writes fails
    # with "database is locked", or worse, where another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")
