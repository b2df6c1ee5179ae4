"""Idempotency keys and the serials that were issued for them: one row a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tracking_service.allocation import Block
from tracking_service.errors import BatchInProgressError, BatchKeyReusedError
from tracking_service.store.database.deadline import transaction
from tracking_service.store.database.engine import WRITES
from tracking_service.store.database.errors import translated
from tracking_service.store.models import BatchRecord

FORGOTTEN_AT_ONCE = 1000
"""Keys forgotten by one claim, which makes one: so they never grow beyond what is remembered."""


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """What was issued for a key: the serials of each block, and when."""

    blocks: tuple[Block, ...]
    issued_at: datetime


class SqlBatchRecords:
    """Implements `BatchRecords`. Each call is a transaction or two of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{WRITES: True})

    def claim(
        self, key: str, fingerprint: str, token: str, *, now: datetime, until: datetime
    ) -> RecordedBatch | None:
        """See `BatchRecords`. What has run out is forgotten here, so that no sweep is needed."""
        with translated():
            with transaction(self._engine) as connection:
                # Not all at once: after a busy day that would reach the time-out, each time anew.
                oldest = (
                    select(BatchRecord.id)
                    .where(BatchRecord.expires_at <= now)
                    .order_by(BatchRecord.expires_at)
                    .limit(FORGOTTEN_AT_ONCE)
                )
                connection.execute(
                    delete(BatchRecord).where(
                        or_(
                            BatchRecord.id.in_(oldest),
                            and_(BatchRecord.key == key, BatchRecord.expires_at <= now),
                        )
                    )
                )
            try:
                with transaction(self._engine) as connection:
                    connection.execute(
                        insert(BatchRecord).values(
                            key=key, fingerprint=fingerprint, token=token, expires_at=until
                        )
                    )
            except IntegrityError:
                # The key is unique: somebody was there before.
                return self._recorded(key, fingerprint)
        return None

    def complete(
        self, key: str, token: str, blocks: Sequence[Block], *, issued_at: datetime, until: datetime
    ) -> bool:
        """See `BatchRecords`."""
        with translated(), transaction(self._engine) as connection:
            done = connection.execute(
                update(BatchRecord)
                .where(BatchRecord.key == key, BatchRecord.token == token)
                .values(
                    ranges=[[block.start, block.end] for block in blocks],
                    issued_at=issued_at,
                    expires_at=until,
                )
            )
            return done.rowcount == 1

    def release(self, key: str, token: str) -> None:
        """See `BatchRecords`."""
        with translated(), transaction(self._engine) as connection:
            connection.execute(
                delete(BatchRecord).where(BatchRecord.key == key, BatchRecord.token == token)
            )

    def _recorded(self, key: str, fingerprint: str) -> RecordedBatch:
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(BatchRecord.fingerprint, BatchRecord.ranges, BatchRecord.issued_at).where(
                    BatchRecord.key == key
                )
            ).one_or_none()
        if row is None:
            # Given up between the two statements: the caller may try again at once.
            raise BatchInProgressError
        if row.fingerprint != fingerprint:
            raise BatchKeyReusedError
        if row.ranges is None or row.issued_at is None:
            raise BatchInProgressError
        blocks = tuple(Block(start, end) for start, end in row.ranges)
        return RecordedBatch(blocks, row.issued_at)
