"""Hands back, at a clean shutdown, what an instance did not spend, for others to lease.

What goes back is the unspent end of a block. Serials in the middle of one, which waited in a lane
with numbers written ahead, are recorded as skipped: a gap costs nothing, and a number that was
never handed out is not to verify as issued.

One transaction, under the lock of the series' row: whatever dies meanwhile, all of it happens or
nothing. The instance has closed its allocator before, so nothing that goes back here is spent any
more.
"""

from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from tracking_service.allocation import Block
from tracking_service.allocation.ranges import Ranges
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import BlockRow, SeriesRow

ROWS = 1000
"""Rows changed by one statement, so that none reaches the time-out."""


_LOCK = (
    update(SeriesRow)
    .where(SeriesRow.name == bindparam("series"))
    .values(returned_blocks=SeriesRow.returned_blocks)
    .returning(SeriesRow.id)
)
_LEASED = select(BlockRow.id, BlockRow.start, BlockRow.end, BlockRow.leased_at).where(
    BlockRow.series_id == bindparam("series_id"),
    BlockRow.instance == bindparam("instance"),
    BlockRow.state == "leased",
)
_RELEASE = (
    update(BlockRow)
    .where(BlockRow.id == bindparam("block_id"))
    .values(end=bindparam("until"), state=bindparam("as"), released_at=DatabaseTime())
)
_RELEASE_SPENT = (
    update(BlockRow)
    .where(BlockRow.id.in_(bindparam("block_ids", expanding=True)))
    .values(state="spent", released_at=DatabaseTime())
)
_ADD_PART = insert(BlockRow).values(
    series_id=bindparam("series_id"),
    start=bindparam("start"),
    end=bindparam("end"),
    state=bindparam("state"),
    instance=bindparam("instance"),
    leased_at=bindparam("leased_at"),
    released_at=DatabaseTime(),
)
_COUNT = (
    update(SeriesRow)
    .where(SeriesRow.id == bindparam("of"))
    .values(returned_blocks=SeriesRow.returned_blocks + bindparam("more"))
)


def hand_back(
    connection: Connection,
    series: str,
    unspent: Sequence[Block],
    held: AbstractSet[tuple[int, Block]],
    *,
    instance: str,
) -> int:
    """Release the blocks of `instance` in `series` that are in `held`, each with its id; return how
    many serials went back.

    A block in the instance's name that is not in `held` was thrown away, for its commit was in
    doubt; it stays as it is. Its id alone is not enough to know it: after a failover that forgot a
    lease, another block may have the same. Only an unspent part that ends where a block of this
    instance ends goes back. One that crosses the end of a block contradicts the table (the database
    may have been replaced), and is thrown away. A second call changes nothing.
    """
    # Touches the row to lock it; how many blocks come back is known only below.
    series_id = connection.execute(_LOCK, {"series": series}).scalar_one_or_none()
    if series_id is None:
        return 0
    unspent = sorted(unspent)
    starts = [block.start for block in unspent]
    returned: list[Block] = []
    spent: list[int] = []
    rows = connection.execute(_LEASED, {"series_id": series_id, "instance": instance}).all()
    for row in rows:
        if (row.id, Block(row.start, row.end)) not in held:
            continue
        inside = unspent[bisect_left(starts, row.start) : bisect_left(starts, row.end)]
        part, *others = _cut(Block(row.start, row.end), inside)
        returned += [each.block for each in (part, *others) if each.state == "returned"]
        if part.state == "spent" and not others:
            spent.append(row.id)
            continue
        connection.execute(
            _RELEASE, {"block_id": row.id, "until": part.block.end, "as": part.state}
        )
        for part in others:
            connection.execute(
                _ADD_PART,
                {
                    "series_id": series_id,
                    "start": part.block.start,
                    "end": part.block.end,
                    "state": part.state,
                    "instance": instance,
                    "leased_at": row.leased_at,
                },
            )
    # All that the instance has leased in its life: one by one they would outlast the shutdown.
    for first in range(0, len(spent), ROWS):
        connection.execute(_RELEASE_SPENT, {"block_ids": spent[first : first + ROWS]})
    if returned:
        connection.execute(_COUNT, {"of": series_id, "more": len(returned)})
    return sum(map(len, returned))


class _Part(NamedTuple):
    block: Block
    state: str


def _cut(row: Block, unspent: Sequence[Block]) -> list[_Part]:
    """Cut a leased block into what was spent, skipped and returned, in order and without a gap.

    `unspent` are the unspent parts that begin in it, in order.
    """
    ranges = Ranges()
    for block in unspent:
        ranges.add(block)
    parts: list[_Part] = []
    at = row.start
    for block in ranges:
        if block.start < at or block.end > row.end:
            break
        if at < block.start:
            parts.append(_Part(Block(at, block.start), "spent"))
        parts.append(_Part(block, "returned" if block.end == row.end else "skipped"))
        at = block.end
    if at < row.end:
        parts.append(_Part(Block(at, row.end), "spent"))
    return parts
