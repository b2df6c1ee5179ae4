"""Connections to an SQLite file that is there, is the same as before, and has one path alone."""

import sqlite3
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from tracking_service.errors import SchemaError
from tracking_service.store.database.errors import UPGRADE
from tracking_service.store.database.sqlite_file import check_single_path, identity

WAL_SECONDS = 5.0
"""How long a process that opens a new file may wait for others that do so, too."""

_FILE = "file"
"""Names, among a pooled connection's facts, the file that it has open."""


class Sqlite:
    """Opens one SQLite file, and begins transactions in it."""

    def __init__(self, url: URL, timeout_seconds: float) -> None:
        self._url = url
        self._path = Path(url.database or "")
        self._timeout_seconds = timeout_seconds

    def make_engine(self, **pool: Any) -> Engine:
        """Return an engine on the file. Its connections make no file: `create_file` does."""
        engine = create_engine(
            self._url,
            creator=self._open,
            # A statement's parameters may be a key, and are not for any log or traceback.
            hide_parameters=True,
            pool_timeout=self._timeout_seconds,
            **pool,
        )
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "checkout", self._checked_out)
        return engine

    def begin(self, connection: Connection, *, write: bool) -> None:
        """Begin a transaction; one that writes takes the write lock at once.

        A transaction that reads first and then writes fails with "database is locked", or worse,
        when another wrote in between.
        """
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    def limited(
        self, _connection: Connection, _answer_seconds: float | None
    ) -> AbstractContextManager[None]:
        """Calls return by themselves: the only wait is for a lock, and has a time-out."""
        return nullcontext()

    def _open(self) -> sqlite3.Connection:
        # Resolved, as SQLite does it: the write-ahead log lies beside the file itself.
        file = self._path.resolve()
        if file.parent.is_dir() and not file.exists():
            # SQLite would make an empty file here, which is taken for a database.
            raise SchemaError(f"the database has no schema yet: {UPGRADE}")
        check_single_path(file)
        return sqlite3.connect(
            f"file:{quote(str(file))}?mode=rw",
            uri=True,
            timeout=self._timeout_seconds,
            # The driver's own BEGIN comes too late, before the first write; see `begin`.
            isolation_level=None,
            check_same_thread=False,
        )

    def _connected(self, connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        _prepare(connection)
        record.info[_FILE] = identity(self._path)

    def _checked_out(
        self, _connection: object, record: ConnectionPoolEntry, _fairy: object
    ) -> None:
        # A file that an older copy replaced lives on for those that have it open. To lease from it
        # would be to lease what others lease from the copy.
        if record.info.get(_FILE) != identity(self._path):
            raise InvalidatePoolError


def _prepare(connection: sqlite3.Connection) -> None:
    _use_wal(connection)
    # WAL with NORMAL may forget a committed lease at a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sqlite3.Connection) -> None:
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
