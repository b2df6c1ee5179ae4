"""The lease: the one transaction that takes a block out of a series and records who took it.

The UPDATE comes first. It locks the series' row, so that all that follows sees what no other
lease can change; on SQLite, BEGIN IMMEDIATE has locked the whole file before it. The block's start
is unique within its series, so that the database itself would refuse a repeat.

Each function works in a transaction that its caller began and commits.
"""

import secrets
from dataclasses import dataclass, field, fields

from sqlalchemy import BigInteger, Connection, bindparam, case, cast, insert, or_, select, update

from tracking_service.allocation import Block, Lease
from tracking_service.errors import (
    KeyChangedError,
    SeriesClosedError,
    SeriesExhaustedError,
    UnknownSeriesError,
)
from tracking_service.numbering import key_fingerprint
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import BlockRow, NumberSpaceRow, SeriesRow
from tracking_service.store.skipping import RandBelow, skip_if_forgotten


@dataclass(frozen=True, slots=True)
class _Row:
    """The series' row as the UPDATE left it, and its number space. The key never shows."""

    id: int
    next_serial: int
    end_serial: int
    block_size: int
    lease_count: int
    returned_blocks: int
    failover_skip: int
    timeline: str | None
    space: str
    key: bytes = field(repr=False)


_ROW = [
    *(getattr(SeriesRow, each.name) for each in fields(_Row)[:-2]),
    *(
        select(column).where(NumberSpaceRow.id == SeriesRow.number_space_id).scalar_subquery()
        for column in (NumberSpaceRow.name, NumberSpaceRow.key)
    ),
]


# Built once: to build a statement takes several times as long as to run it.

# As the counter is: a large block times many is beyond PostgreSQL's integer.
_WANTED = cast(SeriesRow.block_size, BigInteger) * bindparam("blocks", type_=BigInteger)
_ADVANCE_COUNTER = (
    update(SeriesRow)
    .where(
        SeriesRow.name == bindparam("series"),
        SeriesRow.closed_at.is_(None),
        or_(SeriesRow.returned_blocks > 0, SeriesRow.next_serial + _WANTED <= SeriesRow.end_serial),
    )
    .values(
        lease_count=SeriesRow.lease_count + 1,
        next_serial=case(
            (SeriesRow.returned_blocks > 0, SeriesRow.next_serial),
            else_=SeriesRow.next_serial + _WANTED,
        ),
    )
    .returning(*_ROW)
)
_LOCK_REST = (
    select(SeriesRow.end_serial - SeriesRow.next_serial, SeriesRow.block_size, SeriesRow.closed_at)
    .where(SeriesRow.name == bindparam("series"))
    .with_for_update()
)
_TAKE_REST = (
    update(SeriesRow)
    .where(SeriesRow.name == bindparam("series"))
    .values(
        lease_count=SeriesRow.lease_count + 1,
        next_serial=SeriesRow.next_serial + bindparam("rest", type_=BigInteger),
    )
    .returning(*_ROW)
)
_MOVED_AT = (
    select(NumberSpaceRow.moved_at)
    .join(SeriesRow, SeriesRow.number_space_id == NumberSpaceRow.id)
    .where(SeriesRow.name == bindparam("series"))
)
_RECORD = (
    insert(BlockRow)
    .values(
        series_id=bindparam("series_id"),
        start=bindparam("start"),
        end=bindparam("end"),
        state="leased",
        instance=bindparam("instance"),
        leased_at=DatabaseTime(),
    )
    .returning(BlockRow.id)
)
_LOWEST_TAIL = (
    select(BlockRow.id, BlockRow.start, BlockRow.end, BlockRow.instance)
    .where(BlockRow.series_id == bindparam("series_id"), BlockRow.state == "returned")
    .order_by(BlockRow.start)
    .limit(1)
)

_CUT_TAIL = (
    update(BlockRow).where(BlockRow.id == bindparam("block_id")).values(start=bindparam("from"))
)
_LEASE_TAIL = (
    update(BlockRow)
    .where(BlockRow.id == bindparam("block_id"))
    .values(state="leased", instance=bindparam("by"), leased_at=DatabaseTime(), released_at=None)
)
_COUNT_TAIL_OUT = (
    update(SeriesRow)
    .where(SeriesRow.id == bindparam("of"))
    .values(returned_blocks=SeriesRow.returned_blocks - 1)
)


def lease(
    connection: Connection,
    series: str,
    blocks: int,
    *,
    fingerprint: str | None,
    instance: str,
    randbelow: RandBelow = secrets.randbelow,
) -> Lease | None:
    """Lease a block to `instance`. Returns None if a skip left no serials; commit it all the same.

    The block has up to `blocks` times the series' block size; a tail that was handed back is leased
    first. If the server may have forgotten leases (see `skip_if_forgotten`), the series is skipped
    ahead before. Raises UnknownSeriesError, SeriesExhaustedError, SeriesClosedError, and
    KeyChangedError if the key of the series' number space has not this `fingerprint`.
    """
    row, taken = _advance_counter(connection, series, blocks)
    if fingerprint is not None and key_fingerprint(row.key) != fingerprint:
        # The caller would write these serials under another key than other instances do.
        raise KeyChangedError.of(row.space)
    skips = skip_if_forgotten(
        connection,
        row.id,
        row.timeline,
        taken=taken,
        instance=instance,
        randbelow=randbelow,
    )
    if skips:
        try:
            row, taken = _advance_counter(connection, series, blocks)
        except SeriesExhaustedError:
            return None
    if taken:
        block = Block(row.next_serial - taken, row.next_serial)
        block_id, returned_by = _record(connection, row.id, block, instance=instance), None
    else:
        block, block_id, returned_by = _take_returned(
            connection, row.id, row.block_size * blocks, instance=instance
        )
    remaining = row.end_serial - row.next_serial
    return Lease(
        block,
        row.lease_count,
        returned_by=returned_by,
        remaining=remaining,
        block_id=block_id,
        new_timeline=skips,
    )


def _advance_counter(connection: Connection, series: str, blocks: int) -> tuple[_Row, int]:
    """Move the counter on; return the row and by how many serials, 0 if a tail is to go first."""
    row = connection.execute(_ADVANCE_COUNTER, {"series": series, "blocks": blocks}).one_or_none()
    if row is None:
        return _take_rest(connection, series, blocks)
    taken = _Row(*row)
    return taken, 0 if taken.returned_blocks else taken.block_size * blocks


def _take_rest(connection: Connection, series: str, blocks: int) -> tuple[_Row, int]:
    """Take what is left of a series that has less than was wanted, or is closed."""
    # The lock makes reading before writing safe; on SQLite, BEGIN IMMEDIATE has it.
    found = connection.execute(_LOCK_REST, {"series": series}).one_or_none()
    if found is None:
        raise UnknownSeriesError(series)
    left, block_size, closed_at = found
    if closed_at is not None:
        raise SeriesClosedError.of(series)
    # Not simply all: where the row was locked, more may be left now than the UPDATE has seen.
    taken = min(left, block_size * blocks)
    if not taken:
        raise SeriesExhaustedError(_why_none_left(connection, series))
    row = connection.execute(_TAKE_REST, {"series": series, "rest": taken}).one()
    return _Row(*row), taken


def _why_none_left(connection: Connection, series: str) -> str:
    moved_at = connection.execute(_MOVED_AT, {"series": series}).scalar_one()
    if moved_at is not None:
        return f"series exhausted: {series} was moved to another database"
    return f"series exhausted: {series} has no serials left"


def _take_returned(
    connection: Connection, series_id: int, most: int, *, instance: str
) -> tuple[Block, int, str]:
    """Lease up to `most` serials of the lowest tail that was handed back.

    Returns the block, its id, and the instance that handed it back. There is a tail: the series'
    row says so, and its lock makes reading before writing safe.
    """
    tail = connection.execute(_LOWEST_TAIL, {"series_id": series_id}).one()
    if tail.end - tail.start > most:
        # A busy instance's tail may be many blocks long, and an idle instance is to hold one.
        block = Block(tail.start, tail.start + most)
        # First, for a block's start is unique within its series.
        connection.execute(_CUT_TAIL, {"block_id": tail.id, "from": block.end})
        return block, _record(connection, series_id, block, instance=instance), tail.instance
    connection.execute(_LEASE_TAIL, {"block_id": tail.id, "by": instance})
    connection.execute(_COUNT_TAIL_OUT, {"of": series_id})
    return Block(tail.start, tail.end), tail.id, tail.instance


def _record(connection: Connection, series_id: int, block: Block, *, instance: str) -> int:
    record = {
        "series_id": series_id,
        "start": block.start,
        "end": block.end,
        "instance": instance,
    }
    return connection.execute(_RECORD, record).scalar_one()
