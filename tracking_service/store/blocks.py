"""Blocks in the database: leased and handed back by one instance, and looked up."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, select, text

from tracking_service.allocation import Block, HighWaterMark, Lease
from tracking_service.errors import ConflictError, SeriesExhaustedError
from tracking_service.installation import program
from tracking_service.records import LeasedBlock
from tracking_service.store import leasing, release, skipping
from tracking_service.store.database import Database, Use
from tracking_service.store.models import BlockRow, SeriesRow
from tracking_service.store.skipping import RandBelow

BLOCK = select(
    BlockRow.id,
    SeriesRow.name,
    BlockRow.start,
    BlockRow.end,
    BlockRow.state,
    BlockRow.instance,
    BlockRow.leased_at,
    BlockRow.released_at,
).join(SeriesRow, BlockRow.series_id == SeriesRow.id)
_NEAREST = (
    BLOCK.where(
        # A subquery, which is run first: with a join, PostgreSQL would sort all blocks of the
        # series to find the last one.
        BlockRow.series_id
        == select(SeriesRow.id).where(SeriesRow.name == bindparam("series")).scalar_subquery(),
        BlockRow.start <= bindparam("serial", type_=BigInteger),
    )
    .order_by(BlockRow.start.desc())
    .limit(1)
)


_RETURNED = (
    select(func.coalesce(func.sum(BlockRow.end - BlockRow.start), 0))
    .join(SeriesRow, BlockRow.series_id == SeriesRow.id)
    .where(SeriesRow.name == bindparam("series"), BlockRow.state == "returned")
)


class BlockStore:
    """Leases to one instance. Implements the `BlockStore` of the allocation core.

    If the outcome of a commit is unknown the driver raises, so the block is not returned: it is
    thrown away.
    """

    def __init__(
        self,
        database: Database,
        instance: str,
        *,
        randbelow: RandBelow = secrets.randbelow,
    ) -> None:
        """`randbelow` draws the part of a skip that is left to chance."""
        self._database = database
        self._instance = instance
        self._randbelow = randbelow
        self._held: set[tuple[int, Block]] = set()

    @property
    def instance(self) -> str:
        """The name that blocks are leased in."""
        return self._instance

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        """See `BlockStore`."""
        try:
            with self._database.transaction(Use.LEASE, write=True) as connection:
                lease = leasing.lease(
                    connection,
                    series,
                    blocks,
                    fingerprint=fingerprint,
                    instance=self._instance,
                    randbelow=self._randbelow,
                )
        except ConflictError as error:
            raise ConflictError(
                f"the counter of {series} lies behind blocks that were leased already ({error});"
                f" skip the series past them: `{program()} series skip {series} --to END`, where"
                f" END is the highest end in `{program()} blocks list --series {series}`"
            ) from error
        # Only here is the commit known.
        if lease is None:
            raise SeriesExhaustedError(
                f"series exhausted: what {series} had left was skipped after a failover"
            )
        self._held.add((lease.block_id, lease.block))
        return lease

    def leave_out(self, lease: Lease) -> None:
        """See `BlockStore`."""
        self._held.discard((lease.block_id, lease.block))

    def skip_past(self, series: str, mark: HighWaterMark, refused: Block) -> None:
        """See `BlockStore`."""
        with self._database.transaction(Use.LEASE, write=True) as connection:
            skipping.skip_past(
                connection,
                series,
                mark,
                refused,
                instance=self._instance,
                randbelow=self._randbelow,
            )

    def skip_to(self, series: str, *, to: int | None = None, by: int | None = None) -> Block | None:
        """Skip ahead for an operator, see `skipping.skip_to`; return what was left out but tails."""
        with self._database.transaction(Use.LEASE, write=True) as connection:
            return skipping.skip_to(connection, series, to=to, by=by, instance=self._instance)

    def hand_back(self, series: str, unspent: Sequence[Block]) -> int:
        """See `BlockStore`."""
        with self._database.transaction(Use.LEASE, write=True) as connection:
            return release.hand_back(
                connection,
                series,
                unspent,
                self._held,
                instance=self._instance,
            )

    def ping(self) -> None:
        """See `BlockStore`."""
        with self._database.transaction(Use.LEASE, write=True) as connection:
            connection.execute(text("SELECT 1"))


class BlockReader:
    """Looks blocks up, to answer requests. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holding(self, series: str, serial: int) -> LeasedBlock | None:
        """The block that `serial` lies in, or None; by one descent of an index."""
        nearest = self._read(_NEAREST, {"series": series, "serial": serial})
        return nearest[0] if nearest and serial < nearest[0].end else None

    def by_id(self, block_id: int) -> LeasedBlock | None:
        """The block of this id, or None."""
        blocks = self._read(BLOCK.where(BlockRow.id == block_id))
        return blocks[0] if blocks else None

    def count_returned(self, series: str) -> int:
        """How many serials of a series were handed back, and can be leased again."""
        with self._database.transaction(Use.REQUEST) as connection:
            return int(connection.execute(_RETURNED, {"series": series}).scalar_one())

    def latest(
        self, *, series: str | None = None, instance: str | None = None, limit: int
    ) -> list[LeasedBlock]:
        """The last `limit` blocks leased, the newest first."""
        query = BLOCK.order_by(BlockRow.id.desc()).limit(limit)
        if series is not None:
            query = query.where(SeriesRow.name == series)
        if instance is not None:
            query = query.where(BlockRow.instance == instance)
        return self._read(query)

    def _read(
        self, query: Select[*tuple[Any, ...]], parameters: Mapping[str, Any] | None = None
    ) -> list[LeasedBlock]:
        with self._database.transaction(Use.REQUEST) as connection:
            return [LeasedBlock(*row) for row in connection.execute(query, parameters)]
