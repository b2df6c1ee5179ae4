"""Idempotency keys and the serials that were issued for them: one row for each key."""

from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from tracking_service.allocation import Block
from tracking_service.errors import BatchKeyReusedError
from tracking_service.records import RecordedBatch
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database, Use
from tracking_service.store.models import BatchRecord

FORGOTTEN_AT_ONCE = 1000
"""Expired keys deleted when one key is recorded, so that no sweep is needed; few enough to stay
below the time-out after a busy day."""


class BatchStore:
    """The batches that were issued for idempotency keys. Each call is one transaction.

    Whether a key has expired is judged by the database's clock alone. Every method may raise
    StoreError, and BatchKeyReusedError if the key is another request's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: str, fingerprint: str) -> RecordedBatch | None:
        """Return what was issued for a key, or None if that is nothing, or was too long ago."""
        with self._database.transaction(Use.REQUEST) as connection:
            row = connection.execute(_OF_KEY.where(~_EXPIRED), {"key": key}).one_or_none()
        return None if row is None else _recorded(row, fingerprint)

    def record(
        self, key: str, fingerprint: str, batch: RecordedBatch, *, keep_seconds: float
    ) -> RecordedBatch:
        """Record what was issued for a key; return what the key stands for from now on.

        That is another batch if a second request with this key was recorded first: then the serials
        of this one are lost.
        """
        first = None
        with self._database.transaction(Use.REQUEST, write=True) as connection:
            if not _insert(connection, key, fingerprint, batch, keep_seconds):
                # The row is there, and locked by now.
                first = connection.execute(_OF_KEY, {"key": key}).one()
            # Last, and skipping what others have locked: a transaction that waited for a second
            # row while it holds a first could wait for one that waits for it.
            _forget_expired(connection)
        return batch if first is None else _recorded(first, fingerprint)


_OF_KEY: Select[*tuple[Any, ...]] = select(
    BatchRecord.fingerprint, BatchRecord.ranges, BatchRecord.issued_at
).where(BatchRecord.key == bindparam("key"))
_EXPIRED = or_(
    BatchRecord.expires_at <= DatabaseTime(),
    # A claim, by which earlier versions kept a key while they issued.
    BatchRecord.ranges.is_(None),
)


def _recorded(row: Row[*tuple[Any, ...]], fingerprint: str) -> RecordedBatch:
    if row.fingerprint != fingerprint:
        raise BatchKeyReusedError
    return RecordedBatch(tuple(Block(start, end) for start, end in row.ranges), row.issued_at)


def _insert(
    connection: Connection, key: str, fingerprint: str, batch: RecordedBatch, keep_seconds: float
) -> bool:
    """Insert the key's row, or take over one that has expired; False if there is a live one.

    PostgreSQL waits for a transaction that has the row locked and then reads the condition anew,
    https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    """
    values: dict[str, Any] = {
        "fingerprint": fingerprint,
        "token": "",
        "ranges": [[block.start, block.end] for block in batch.blocks],
        "issued_at": batch.issued_at,
        "expires_at": DatabaseTime(keep_seconds),
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    inserted = connection.execute(
        dialect.insert(BatchRecord)
        .values(key=key, **values)
        .on_conflict_do_update(index_elements=[BatchRecord.key], set_=values, where=_EXPIRED)
        .returning(BatchRecord.id)
    )
    return inserted.first() is not None


def _forget_expired(connection: Connection) -> None:
    oldest = (
        select(BatchRecord.id)
        .where(BatchRecord.expires_at <= DatabaseTime())
        .order_by(BatchRecord.expires_at)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(
        delete(BatchRecord).where(
            BatchRecord.id.in_(oldest),
            # Of the row itself, too: after a wait PostgreSQL reads only this condition anew, not
            # the subquery, and the row may have been recorded afresh in the meantime.
            BatchRecord.expires_at <= DatabaseTime(),
        )
    )
