"""Handing back: at a clean shutdown, what an instance did not spend is for others to lease.

One transaction, under the lock of the series' row. Whatever dies in its course, either all of it
happened or nothing; and the instance has closed its allocator before, so that nothing is spent
any more that goes back here.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, insert, select, update

from tracking_service.allocation import Block
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import BlockRecord, Series

ROWS = 1000
"""Rows changed by one statement, so that none reaches the time-out."""


def hand_back(
    connection: Connection,
    series: str,
    unspent: Sequence[Block],
    held: AbstractSet[int],
    *,
    instance: str,
) -> int:
    """Release the blocks of `instance` in `series` whose id is in `held`; return how many serials
    went back.

    A block in the instance's name that it does not know of was thrown away, for its commit was in
    doubt; it stays as it is. Only an unspent part that ends where a block of this instance ends
    goes back; with any other the records disagree (a database that was exchanged, say), and it is
    thrown away. To call it again changes nothing.
    """
    # Touches the row to lock it; how many blocks come back is known only below.
    series_id = connection.execute(
        update(Series)
        .where(Series.name == series)
        .values(returned_blocks=Series.returned_blocks)
        .returning(Series.id)
    ).scalar_one_or_none()
    if series_id is None:
        return 0
    unspent_by_end = {block.end: block for block in unspent}
    returned: list[Block] = []
    spent: list[int] = []
    rows = connection.execute(
        select(BlockRecord.id, BlockRecord.start, BlockRecord.end, BlockRecord.leased_at).where(
            BlockRecord.series_id == series_id,
            BlockRecord.instance == instance,
            BlockRecord.state == "leased",
        )
    ).all()
    for row in rows:
        if row.id not in held:
            continue
        tail = unspent_by_end.get(row.end)
        if tail is None or tail.start < row.start:
            spent.append(row.id)
            continue
        this = update(BlockRecord).where(BlockRecord.id == row.id)
        returned.append(tail)
        if tail.start == row.start:
            connection.execute(this.values(state="returned", released_at=DatabaseTime()))
            continue
        connection.execute(this.values(end=tail.start, state="spent", released_at=DatabaseTime()))
        connection.execute(
            insert(BlockRecord).values(
                series_id=series_id,
                start=tail.start,
                end=tail.end,
                state="returned",
                instance=instance,
                leased_at=row.leased_at,
                released_at=DatabaseTime(),
            )
        )
    # All that a long life has leased: one by one would take longer than a shutdown has.
    for first in range(0, len(spent), ROWS):
        ids = spent[first : first + ROWS]
        connection.execute(
            update(BlockRecord)
            .where(BlockRecord.id.in_(ids))
            .values(state="spent", released_at=DatabaseTime())
        )
    if returned:
        connection.execute(
            update(Series)
            .where(Series.id == series_id)
            .values(returned_blocks=Series.returned_blocks + len(returned))
        )
    return sum(map(len, returned))
