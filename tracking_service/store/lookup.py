"""Looking blocks up: the one that holds a serial, one by its id, the last ones leased."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, select

from tracking_service.store.database.deadline import transaction
from tracking_service.store.database.errors import translated
from tracking_service.store.models import BlockRecord, Series


@dataclass(frozen=True, slots=True)
class LeasedBlock:
    """A row of the block table: serials [start, end) of a series, and who took them."""

    id: int
    series: str
    start: int
    end: int
    state: str
    instance: str
    leased_at: datetime
    released_at: datetime | None

    @property
    def spent_end(self) -> int | None:
        """Where the spent part ends, exclusive; None where that is not known."""
        if self.state == "spent":
            return self.end
        return self.start if self.state == "returned" else None


_BLOCK = select(
    BlockRecord.id,
    Series.name,
    BlockRecord.start,
    BlockRecord.end,
    BlockRecord.state,
    BlockRecord.instance,
    BlockRecord.leased_at,
    BlockRecord.released_at,
).join(Series, BlockRecord.series_id == Series.id)


class BlockLookup:
    """Reads the block table. Every method may raise StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def holding(self, series: str, serial: int) -> LeasedBlock | None:
        """The block that `serial` lies in, by one descent of an index; None where none does."""
        # Found first and apart: with a series that only a join finds, PostgreSQL sorts all its
        # blocks to have the last one.
        series_id = select(Series.id).where(Series.name == series).scalar_subquery()
        nearest = self._read(
            _BLOCK.where(BlockRecord.series_id == series_id, BlockRecord.start <= serial)
            .order_by(BlockRecord.start.desc())
            .limit(1)
        )
        return nearest[0] if nearest and serial < nearest[0].end else None

    def by_id(self, block_id: int) -> LeasedBlock | None:
        """The block of this id, or None."""
        blocks = self._read(_BLOCK.where(BlockRecord.id == block_id))
        return blocks[0] if blocks else None

    def latest(
        self, *, series: str | None = None, instance: str | None = None, limit: int
    ) -> list[LeasedBlock]:
        """The last `limit` blocks leased, the newest first."""
        query = _BLOCK.order_by(BlockRecord.id.desc()).limit(limit)
        if series is not None:
            query = query.where(Series.name == series)
        if instance is not None:
            query = query.where(BlockRecord.instance == instance)
        return self._read(query)

    def _read(self, query: Select[*tuple[Any, ...]]) -> list[LeasedBlock]:
        with translated(), transaction(self._engine) as connection:
            return [LeasedBlock(*row) for row in connection.execute(query)]
