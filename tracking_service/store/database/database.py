"""One database as one process uses it: its connections, and every transaction on them."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, RootTransaction, column, event, func, select
from sqlalchemy import table as sql_table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from tracking_service.errors import StoreError, StoreUnavailableError
from tracking_service.store.database.bulkhead import Bulkhead
from tracking_service.store.database.errors import SequenceBehindError, translated
from tracking_service.store.database.fork_guard import fork_guard
from tracking_service.store.database.sqlite import Sqlite
from tracking_service.store.database.sqlite_file import make_empty_file

log = logging.getLogger(__name__)

_USED = "used"
"""Marks, among a pooled connection's facts, one that has begun a transaction before."""

_CLOSINGS = "closings"
"""Names, among these, how often the database had been closed when the connection was made."""


TIMELINE_QUERY = "tracking_service_timeline_query"
"""Names the execution option of a connection that has the `timeline_query` of its `Dialect`."""


class Dialect(Protocol):
    """What differs between the kinds of databases: how to connect, and to begin a transaction."""

    @property
    def timeline_query(self) -> str | None:
        """Asks a server for the history that it writes (`store/timeline.py`); None: it has none."""

    def make_engine(self, **pool: Any) -> Engine:
        """Return an engine that has not connected yet; `pool` are options of its pool."""

    def begin(self, connection: Connection, *, write: bool) -> None:
        """Begin a transaction on a connection that has none."""

    def limited(
        self, connection: Connection, answer_seconds: float | None
    ) -> AbstractContextManager[None]:
        """Bound how long the database may take in the block: see `Database.transaction`."""


class Use(Enum):
    """What a transaction is for, and so which connection it takes."""

    INSTANCE = auto()
    """The work of the instance itself and of commands: what requests do never stops it."""
    REQUEST = auto()
    """Answering a request: it passes the bulkhead."""
    LEASE = auto()
    """Leasing, on a connection of its own: requests may use up theirs and stop no lease, and the
    rollback of a request cannot un-lease what was handed out."""


class Database:
    """Begins every transaction of a process. For any number of threads.

    It connects when the first transaction begins. In the child of a fork it starts afresh.
    """

    def __init__(
        self,
        url: URL,
        *,
        timeout_seconds: float,
        bulkhead: Bulkhead,
        dialect: Dialect | None = None,
    ) -> None:
        """`timeout_seconds`: how long a connection attempt, a lock or a statement may take.
        `dialect` is by default the one for the URL.
        """
        self.url = url
        self.backend = url.get_backend_name()
        self.bulkhead = bulkhead
        self._dialect = dialect or _dialect(url, timeout_seconds)
        self._closings = 0
        self._make_engines()
        fork_guard.add(self)

    @contextmanager
    def transaction(
        self,
        use: Use = Use.INSTANCE,
        *,
        write: bool = False,
        answer_seconds: float | None = None,
    ) -> Iterator[Connection]:
        """A transaction, committed at the end of the block, rolled back after an error.

        `write`: it writes, and its commit is on disk. On PostgreSQL it ends within twice the
        time-out, whatever becomes of the server; with `answer_seconds` it may last, and only each
        answer must come within these.

        Raises StoreUnavailableError when the database cannot be reached, does not answer in time,
        or the bulkhead refuses; SchemaError; ConflictError; and StoreFailedError for any other
        error of the database. After an error in the commit its outcome is unknown.
        """
        try:
            with (
                # Outermost, because it catches this service's errors, not the driver's.
                self.bulkhead.acquire() if use is Use.REQUEST else nullcontext(),
                translated(),
                fork_guard.transaction() if self.backend == "sqlite" else nullcontext(),
            ):
                begun = self._begin(self.engine(use), write=write)
                with (
                    begun.connection as connection,
                    self._dialect.limited(connection, answer_seconds),
                    begun,
                ):
                    yield connection
        except SequenceBehindError as error:
            self._advance_sequence(error.table, use)
            raise

    def engine(self, use: Use = Use.INSTANCE) -> Engine:
        """The engine that transactions for `use` run on."""
        return self._leasing if use is Use.LEASE else self._engine

    def create_file(self, *, home: Path) -> None:
        """Make the SQLite file if there is none; without effect on PostgreSQL.

        Its folder must be there, unless that is `home`, which is made too. Raises
        StoreUnavailableError.
        """
        if self.backend == "sqlite":
            try:
                make_empty_file(Path(self.url.database or ""), home=home)
            except OSError as error:
                message = f"{error.filename} cannot be made: {error.strerror}"
                raise StoreUnavailableError(message) from error

    def close(self) -> None:
        """Close every connection, one in use as soon as its transaction ends; later transactions
        open new ones.
        """
        self._closings += 1
        self._engine.dispose()
        self._leasing.dispose()

    def prepare_fork(self) -> None:
        """Close SQLite's idle connections, so that the child of a fork has none."""
        if self.backend == "sqlite":
            self.close()

    def reset_after_fork(self) -> None:
        """Drop the parent's connections unclosed, and every lock that another thread held."""
        # New engines, not only new pools: an engine asks the server what it is on its first
        # connection alone, and the parent may have been about to.
        self._make_engines()
        self.bulkhead.reset_after_fork()

    def _advance_sequence(self, table: str, use: Use) -> None:
        """Draw ids until they are new: else one transaction would fail for each row of the table.

        Logical replication does not replicate sequences.
        https://www.postgresql.org/docs/current/logical-replication-restrictions.html
        """
        sequence = func.pg_get_serial_sequence(table, "id")
        behind = select(
            (select(func.max(column("id"))).select_from(sql_table(table)).scalar_subquery())
            - func.nextval(sequence)
        ).scalar_subquery()
        with suppress(StoreError), self.transaction(use, write=True) as connection:
            # Not setval(), which a role that may only insert may not call.
            connection.execute(
                select(func.count(func.nextval(sequence))).select_from(
                    func.generate_series(1, behind)
                )
            )
            log.warning("ids drawn anew: the sequence was behind its table", extra={"table": table})

    def _make_engines(self) -> None:
        self._engine = self._dialect.make_engine()
        self._leasing = self._dialect.make_engine(pool_size=1, max_overflow=0)
        for engine in (self._engine, self._leasing):
            engine.update_execution_options(**{TIMELINE_QUERY: self._dialect.timeline_query})
            event.listen(engine, "connect", self._connected)
            event.listen(engine, "checkin", self._returned)

    def _connected(self, _connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_CLOSINGS] = self._closings

    def _returned(self, _connection: object, record: ConnectionPoolEntry) -> None:
        # If the pool was closed meanwhile nobody closes the connection that it takes back.
        if record.info.get(_CLOSINGS) != self._closings:
            record.invalidate()

    def _begin(self, engine: Engine, *, write: bool) -> RootTransaction:
        """Begin a transaction; once more if the connection was lost while it lay in the pool."""
        connection = engine.connect()
        pooled = _USED in connection.info
        try:
            return self._begin_on(connection, write=write)
        except DBAPIError as error:
            if not (pooled and error.connection_invalidated):
                raise
        # The pool has dropped every connection as old as that one, so this one is new.
        return self._begin_on(engine.connect(), write=write)

    def _begin_on(self, connection: Connection, *, write: bool) -> RootTransaction:
        try:
            begun = connection.begin()
            self._dialect.begin(connection, write=write)
        except BaseException:
            connection.close()
            raise
        connection.info[_USED] = True
        return begun


def _dialect(url: URL, timeout_seconds: float) -> Dialect:
    if url.get_backend_name() == "sqlite":
        return Sqlite(url, timeout_seconds)
    # Not imported above, because SQLite does not need the driver.
    from tracking_service.store.database.postgresql import Postgresql

    return Postgresql(url, timeout_seconds)
