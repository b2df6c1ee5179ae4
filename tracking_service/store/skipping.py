"""Skips a series ahead, wherever the database may have forgotten leases of it.

Serials are left out rather than risked. Tails that were handed back are left out as well: one may
have been leased again by a lease that the database has forgotten.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import BigInteger, Connection, bindparam, case, func, insert, select, update

from tracking_service.allocation import Block, HighWaterMark
from tracking_service.errors import InvalidSeriesError, MovedError, UnknownSeriesError
from tracking_service.installation import program
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import BlockRow, NumberSpaceRow, SeriesRow
from tracking_service.store.timeline import is_first, promotions, server_timeline

RandBelow = Callable[[int], int]
"""Draws a number from 0 to one below the given one, as `secrets.randbelow` does."""

LEASES_AHEAD = 1_000_000_000
"""Added to `lease_count` where leases may have been forgotten, for each promotion, so that new lease
numbers exceed every recorded high-water mark: a database that was skipped ahead did not go backwards.
A second skip for its marks would take it to where a later promotion skips to."""

LEASES_AHEAD_BY_HAND = LEASES_AHEAD // 10
"""Added to `lease_count` by an operator's skip: less, for the numbers after a promotion are to exceed
those of a copy of the database before it that was served and skipped by hand."""

# Built once: to build a statement takes several times as long as to run it, and these run in a
# transaction that has locked the series.

_LEAVE_TAILS_OUT = (
    update(BlockRow)
    .where(BlockRow.series_id == bindparam("of"), BlockRow.state == "returned")
    .values(state="skipped")
)
_UNTIL = bindparam("until", type_=BigInteger)
_MOVE_COUNTER = (
    update(SeriesRow)
    .where(SeriesRow.id == bindparam("of"))
    .values(
        returned_blocks=0,
        next_serial=case((SeriesRow.end_serial < _UNTIL, SeriesRow.end_serial), else_=_UNTIL),
    )
    .returning(SeriesRow.next_serial)
)
_RECORD = insert(BlockRow).values(
    series_id=bindparam("series_id"),
    start=bindparam("start"),
    end=bindparam("end"),
    state="skipped",
    instance=bindparam("instance"),
    leased_at=DatabaseTime(),
)
_COUNTERS = (
    SeriesRow.id,
    SeriesRow.next_serial,
    SeriesRow.end_serial,
    SeriesRow.block_size,
    SeriesRow.failover_skip,
)
_SET_TIMELINE = (
    update(SeriesRow)
    .where(SeriesRow.id == bindparam("of"))
    .values(
        timeline=bindparam("now"),
        lease_count=SeriesRow.lease_count + bindparam("ahead", type_=BigInteger),
    )
    .returning(*_COUNTERS)
)
_MARKED = bindparam("marked", type_=BigInteger)
_RAISE_LEASE_COUNT = (
    update(SeriesRow)
    .where(SeriesRow.name == bindparam("series"))
    .values(
        lease_count=case((SeriesRow.lease_count < _MARKED, _MARKED), else_=SeriesRow.lease_count)
    )
    .returning(*_COUNTERS)
)
_SET_ASIDE = (
    update(BlockRow)
    .where(
        BlockRow.series_id == bindparam("of"),
        BlockRow.start == bindparam("from"),
        BlockRow.instance == bindparam("by"),
    )
    .values(state="skipped")
)
_LOCK = (
    select(SeriesRow.id, SeriesRow.next_serial, SeriesRow.end_serial)
    .where(SeriesRow.name == bindparam("series"))
    .with_for_update()
)
_IS_SEALED = (
    select(NumberSpaceRow.moved_at.is_not(None))
    .join(SeriesRow, SeriesRow.number_space_id == NumberSpaceRow.id)
    .where(SeriesRow.id == bindparam("of"))
)
_FURTHEST = select(func.max(BlockRow.end)).where(BlockRow.series_id == bindparam("of"))
_RAISE_COUNT = (
    update(SeriesRow)
    .where(SeriesRow.id == bindparam("of"))
    .values(lease_count=SeriesRow.lease_count + LEASES_AHEAD_BY_HAND)
)


def margin(
    *,
    remaining: int,
    block_size: int,
    failover_skip: int,
    promotions: int = 1,
    randbelow: RandBelow = secrets.randbelow,
) -> int:
    """How many serials to leave out, from the counter on, where leases may have been forgotten.

    At least a hundredth of what remains, 100 blocks, or the series' `failover_skip`, whichever is
    the most: far more than a fleet leases within the lag of a standby. A series that has less left
    is used up by it, for a repeat would be worse.

    A database that forgets leases can forget a skip as well. Two standbys promoted one after the
    other, or a backup restored twice, would then skip to the same serial; so up to as much again is
    added at random. If the second promotion follows the first in one history, `promotions` counts
    both, and the ranges that the two draw from do not overlap.
    """
    least = max(remaining // 100, 100 * block_size, failover_skip)
    return (2 * promotions - 1) * least + randbelow(least)


def skip(connection: Connection, series_id: int, start: int, end: int, *, instance: str) -> None:
    """Leave [start, end) and all tails out of a series whose row is locked, up to the series' end.

    `start` is at or below the counter: what lies between is left out by being leased. The block
    table records what was left out, if anything was.
    """
    connection.execute(_LEAVE_TAILS_OUT, {"of": series_id})
    moved = connection.execute(_MOVE_COUNTER, {"of": series_id, "until": end})
    end = moved.scalar_one()
    if start < end:
        record = {"series_id": series_id, "start": start, "end": end, "instance": instance}
        connection.execute(_RECORD, record)


def skip_if_forgotten(
    connection: Connection,
    series_id: int,
    recorded: str | None,
    *,
    taken: int = 0,
    instance: str,
    randbelow: RandBelow,
) -> bool:
    """Skip a series ahead, whose row is locked, if the server may have forgotten leases of it.

    It may have if it writes another history than `recorded`, that of the last lease; before a
    series' first lease, if the server was ever promoted or restored. `taken` serials below the
    counter were taken in this transaction, and become part of what is left out. Return whether it
    was skipped.
    """
    timeline = server_timeline(connection)
    if timeline is None or timeline == recorded:
        return False
    # A series that was never leased may be one whose every lease was forgotten.
    forgotten = recorded is not None or not is_first(timeline)
    promoted = promotions(recorded, timeline) if forgotten else 0
    row = connection.execute(
        _SET_TIMELINE, {"of": series_id, "now": timeline, "ahead": LEASES_AHEAD * promoted}
    ).one()
    if forgotten:
        left_out = margin(
            remaining=row.end_serial - row.next_serial,
            block_size=row.block_size,
            failover_skip=row.failover_skip,
            promotions=promoted,
            randbelow=randbelow,
        )
        start, end = row.next_serial - taken, row.next_serial + left_out
        skip(connection, series_id, start, end, instance=instance)
    return forgotten


def skip_past(
    connection: Connection,
    series: str,
    mark: HighWaterMark,
    refused: Block,
    *,
    instance: str,
    randbelow: RandBelow,
) -> None:
    """Move a series that went backwards beyond `mark`, and by a `margin` further.

    Other instances may have leased beyond the mark, and the database may have forgotten that too.
    Raises UnknownSeriesError.
    """
    row = connection.execute(
        _RAISE_LEASE_COUNT, {"series": series, "marked": mark.lease_number}
    ).one_or_none()
    if row is None:
        raise UnknownSeriesError(series)
    connection.execute(_SET_ASIDE, {"of": row.id, "from": refused.start, "by": instance})
    reached = max(mark.end, row.next_serial)
    beyond = reached + margin(
        remaining=max(0, row.end_serial - reached),
        block_size=row.block_size,
        failover_skip=row.failover_skip,
        randbelow=randbelow,
    )
    skip(connection, row.id, row.next_serial, beyond, instance=instance)


def skip_to(
    connection: Connection,
    series: str,
    *,
    to: int | None = None,
    by: int | None = None,
    instance: str,
) -> Block | None:
    """Skip ahead for an operator: to the serial `to`, or by `by` serials, and leave all tails out.

    Of a series that has no serials left but in tails, those are left out, and None is returned.
    Raises UnknownSeriesError, InvalidSeriesError if that would go back or beyond the series' end,
    and MovedError if an export has sealed the series.
    """
    # The lock makes reading before writing safe; on SQLite, BEGIN IMMEDIATE has it.
    row = connection.execute(_LOCK, {"series": series}).one_or_none()
    if row is None:
        raise UnknownSeriesError(series)
    # To remove the seal moves the counter back to where the export found it, and would undo this.
    if connection.execute(_IS_SEALED, {"of": row.id}).scalar_one():
        raise MovedError(
            f"the series of this database were exported, and {series} is sealed: nothing is left to"
            f" skip; if the export was never imported, run `{program()} series reopen` first"
        )
    exhausted = row.next_serial == row.end_serial
    if to is None:
        to = row.end_serial if exhausted else row.next_serial + (by or 0)
    recorded = connection.execute(_FURTHEST, {"of": row.id}).scalar()
    # The same as the counter, unless that lies behind blocks that were leased.
    start = max(row.next_serial, recorded or 0)
    if not (start <= to <= row.end_serial and (row.next_serial < to or exhausted)):
        raise InvalidSeriesError(
            f"{series} is at serial {start} and ends at {row.end_serial}: it cannot skip to {to}"
        )
    skip(connection, row.id, start, to, instance=instance)
    # The series may have been made again, and its count of leases with it.
    connection.execute(_RAISE_COUNT, {"of": row.id})
    return None if exhausted else Block(row.next_serial, to)
