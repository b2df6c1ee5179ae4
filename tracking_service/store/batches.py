"""Idempotency keys and the serials that were issued for them: one row for each key."""

import hashlib
from typing import Any

from sqlalchemy import Connection, Float, Row, Select, bindparam, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from tracking_service.allocation import Block
from tracking_service.errors import BatchKeyReusedError
from tracking_service.records import RecordedBatch
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database, Use
from tracking_service.store.models import BatchRow

FORGOTTEN_AT_ONCE = 1000
"""Expired keys deleted each time a key is recorded, so that no other clean-up is needed; few enough
to stay below the time-out after a busy day."""


class BatchStore:
    """The batches that were issued for idempotency keys. Each call is one transaction.

    The database's clock alone decides whether a key has expired. Every method may raise
    StoreError, and BatchKeyReusedError if the key is another request's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str, fingerprint: str) -> RecordedBatch | None:
        """Return what was issued for a key; None if nothing was, or the key has expired."""
        with self._database.transaction(Use.REQUEST) as connection:
            row = connection.execute(_LIVE_OF_KEY, {"key": key}).one_or_none()
        return None if row is None else _recorded(row, fingerprint)

    def record(
        self, key: str, fingerprint: str, batch: RecordedBatch, *, keep_seconds: float
    ) -> RecordedBatch:
        """Record what was issued for a key; return the batch that the key has from now on.

        If another request with this key was recorded first, that is its batch, and the serials of
        this one are lost.
        """
        first = None
        with self._database.transaction(Use.REQUEST, write=True) as connection:
            if not _insert(connection, key, fingerprint, batch, keep_seconds):
                # The row exists, and is locked by now.
                first = connection.execute(_OF_KEY, {"key": key}).one()
            # Last, and skipping what others have locked: a transaction that holds one row and waits
            # for another could deadlock.
            connection.execute(_FORGET_EXPIRED)
        return batch if first is None else _recorded(first, fingerprint)


_OF_KEY: Select[*tuple[Any, ...]] = select(
    BatchRow.fingerprint, BatchRow.ranges, BatchRow.issued_at, BatchRow.series
).where(BatchRow.key == bindparam("key"))
_EXPIRED = or_(
    BatchRow.expires_at <= DatabaseTime(),
    # A claim of an earlier version, which reserved a key while it issued.
    BatchRow.ranges.is_(None),
)
_LIVE_OF_KEY = _OF_KEY.where(~_EXPIRED)

# Built once: to build a statement takes several times as long as to run it.

_VALUES: dict[str, Any] = {
    "fingerprint": bindparam("bound"),
    "series": bindparam("giver"),
    "token": "",
    "ranges": bindparam("blocks"),
    "issued_at": bindparam("at"),
    "expires_at": DatabaseTime(bindparam("keep_seconds", type_=Float)),
}
_INSERT = {
    name: insert(BatchRow)
    .values(key=bindparam("of"), **_VALUES)
    .on_conflict_do_update(index_elements=[BatchRow.key], set_=_VALUES, where=_EXPIRED)
    .returning(BatchRow.id)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}
"""By the dialect's name."""
_OLDEST_EXPIRED = (
    select(BatchRow.id)
    .where(BatchRow.expires_at <= DatabaseTime())
    .order_by(BatchRow.expires_at)
    .limit(FORGOTTEN_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_FORGET_EXPIRED = delete(BatchRow).where(
    BatchRow.id.in_(_OLDEST_EXPIRED),
    # Of the row itself, too: after a wait PostgreSQL evaluates this condition again, and not the
    # subquery; the row may have been replaced meanwhile.
    BatchRow.expires_at <= DatabaseTime(),
)


def _recorded(row: Row[*tuple[Any, ...]], fingerprint: str) -> RecordedBatch:
    # An earlier version writes the plain fingerprint, and leaves the series of an expired row that
    # it replaces.
    series = None if row.fingerprint == fingerprint else row.series
    if row.fingerprint != _bound(fingerprint, series):
        raise BatchKeyReusedError
    blocks = tuple(Block(start, end) for start, end in row.ranges)
    return RecordedBatch(blocks, row.issued_at, series)


def _bound(fingerprint: str, series: str | None) -> str:
    """The fingerprint of a request whose serials are of `series` instead of the one it names.

    An earlier version, which may run beside this one during an upgrade, does not read `series`. It
    would write the serials as numbers of the series that the request names, and perhaps repeat one;
    so it is to find another fingerprint, and refuse the key.
    """
    if series is None:
        return fingerprint
    return hashlib.sha256(f"{fingerprint} {series}".encode()).hexdigest()


def _insert(
    connection: Connection, key: str, fingerprint: str, batch: RecordedBatch, keep_seconds: float
) -> bool:
    """Insert the key's row, or replace an expired one; return False if there is a valid one.

    PostgreSQL waits for a transaction that has locked the row, and evaluates the condition again,
    https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    """
    values = {
        "of": key,
        "bound": _bound(fingerprint, batch.series),
        "giver": batch.series,
        "blocks": [[block.start, block.end] for block in batch.blocks],
        "at": batch.issued_at,
        "keep_seconds": keep_seconds,
    }
    return connection.execute(_INSERT[connection.dialect.name], values).first() is not None
