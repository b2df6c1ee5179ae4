"""Connections to an SQLite file that is there, is the same as before, and has one path alone."""

import os
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
from tracking_service.installation import program
from tracking_service.store.database.sqlite_file import check_single_path, identity

WAL_SECONDS = 5.0
"""How long a process that opens a new file may wait for others that do so, too."""

_FILE = "file"
"""Names, among a pooled connection's facts, the file that it has open."""


class Sqlite:
    """Opens one SQLite file, and begins transactions in it."""

    timeline_query = None

    def __init__(self, url: URL, timeout_seconds: float) -> None:
        self._url = url
        self._path = Path(url.database or "")
        self._timeout_seconds = timeout_seconds

    def make_engine(self, **pool: Any) -> Engine:
        """Return an engine on the file. It makes no file: `Database.create_file` does."""
        engine = create_engine(
            self._url,
            # A statement's parameters may be a key, and are not for any log or traceback.
            hide_parameters=True,
            pool_timeout=self._timeout_seconds,
            **pool,
        )
        event.listen(engine, "do_connect", self._open)
        event.listen(engine, "connect", self._prepare)
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

    def _open(
        self, _dialect: object, record: ConnectionPoolEntry, _args: object, _named: object
    ) -> sqlite3.Connection:
        # As SQLite resolves it: the write-ahead log lies beside the file itself.
        file = Path(os.path.realpath(self._path))
        # Before it is opened: a file that takes its place meanwhile is another one.
        record.info[_FILE] = identity(file)
        if record.info[_FILE] is None:
            raise SchemaError(
                "there is no SQLite file where DATABASE_URL says: check it, or begin a new database"
                f" with `{program()} db upgrade`"
            )
        check_single_path(file)
        return sqlite3.connect(
            # SQLite itself would make a file that is missing.
            f"file:{quote(str(file))}?mode=rw",
            uri=True,
            timeout=self._timeout_seconds,
            # The driver's own BEGIN comes too late, before the first write; see `begin`.
            isolation_level=None,
            check_same_thread=False,
        )

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        _use_wal(connection)
        # WAL with NORMAL may forget a committed lease at a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    def _checked_out(
        self, _connection: object, record: ConnectionPoolEntry, _fairy: object
    ) -> None:
        # A file that an older copy replaced lives on for those that have it open. To lease from it
        # would be to lease what others lease from the copy.
        if record.info.get(_FILE) != identity(self._path):
            raise InvalidatePoolError


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
