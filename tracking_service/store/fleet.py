"""The fleet as the database knows it: a bounded number of rows, however many it has."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from tracking_service.records import FleetRecord, LeasedBlock, SeriesCount
from tracking_service.store.blocks import BLOCK
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database, Use
from tracking_service.store.models import BlockRow, SeriesRow

BLOCKS = 1000
"""Blocks that are read, the newest ones."""

SERIES = 100
"""Series that are read, at the most."""

FIRST_BLOCKS = 1000
"""Blocks of an instance among which its first lease is looked for. An index gives them in the order
in which they lie in the table: the order of the leases, but for rows that were moved."""

_LATEST = BLOCK.order_by(BlockRow.id.desc()).limit(BLOCKS)
_COUNTS: Select[*tuple[Any, ...]] = select(
    SeriesRow.name,
    SeriesRow.block_size,
    SeriesRow.end_serial - SeriesRow.next_serial,
    SeriesRow.returned_blocks,
    SeriesRow.successor,
    SeriesRow.closed_at.is_not(None),
)
_NAMED = _COUNTS.where(SeriesRow.name.in_(bindparam("names", expanding=True)))
_BY_NAME = _COUNTS.order_by(SeriesRow.name).limit(SERIES + 1)
_SOME = (
    select(BlockRow.leased_at)
    .where(BlockRow.instance == bindparam("instance"))
    .limit(FIRST_BLOCKS)
    .subquery()
)
_FIRST = select(func.min(_SOME.c.leased_at))


class FleetReader:
    """Reads what instances have leased. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> FleetRecord:
        """The last blocks, and the series. Reads some 1,200 rows at the most, by index."""
        with self._database.transaction(Use.REQUEST) as connection:
            now = connection.execute(select(DatabaseTime())).scalar_one()
            blocks = tuple(LeasedBlock(*row) for row in connection.execute(_LATEST))
            busy = list(dict.fromkeys(block.series for block in blocks))
            series, has_more = _series(connection, busy)
        return FleetRecord(now, blocks, series, has_more)

    def first_leases(self, instances: Sequence[str]) -> dict[str, datetime]:
        """When each of these instances leased its first block; an instance without one is left out."""
        with self._database.transaction(Use.REQUEST) as connection:
            found = {
                name: connection.execute(_FIRST, {"instance": name}).scalar_one()
                for name in instances
            }
        return {name: moment for name, moment in found.items() if moment is not None}


def _series(connection: Connection, busy: Sequence[str]) -> tuple[tuple[SeriesCount, ...], bool]:
    """`SERIES` of the series, those named in `busy` first, and whether there are more."""
    first = busy[:SERIES]
    named = {row[0]: row for row in connection.execute(_NAMED, {"names": first})}
    others = [row for row in connection.execute(_BY_NAME) if row[0] not in named]
    rows = [named[name] for name in first] + others
    has_more = len(busy) > SERIES or len(rows) > SERIES
    return tuple(SeriesCount(*row) for row in rows[:SERIES]), has_more
