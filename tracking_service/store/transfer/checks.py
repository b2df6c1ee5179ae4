"""Checks, in the tables, what must be true of imported rows, or numbers would repeat.

The tables' own constraints check single rows, names and references.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from tracking_service.errors import ExportError, InvalidKeyError, TrackingServiceError
from tracking_service.numbering import Format, Pattern, from_options
from tracking_service.records import is_circle, succession_line
from tracking_service.store.api_keys import check_key
from tracking_service.store.models import ApiKeyRow, BatchRow, BlockRow, NumberSpaceRow, SeriesRow
from tracking_service.store.transfer.lines import ROWS

LEASE_COUNT_MOST = 2**62
"""Room for the leases to come."""

_DIGEST_BYTES = 32


def check_rows(connection: Connection) -> None:
    """Raise ExportError, which names the fault, if an import would not be safe."""
    for check in (_series, _successors, _spaces, _blocks_and_batches, _api_keys):
        for fault in check(connection):
            raise ExportError(f"the export is damaged: {fault}")


def _series(connection: Connection) -> Iterator[str]:
    other = select(SeriesRow).subquery()
    blocks = (
        select(
            BlockRow.series_id,
            func.min(BlockRow.start).label("start"),
            func.max(BlockRow.end).label("end"),
            func.count().filter(BlockRow.state == "returned").label("returned"),
            func.count().filter(BlockRow.state != "skipped").label("leased"),
        )
        .group_by(BlockRow.series_id)
        .subquery()
    )
    for row in connection.execute(
        select(
            SeriesRow.name,
            SeriesRow.first_serial,
            SeriesRow.next_serial,
            SeriesRow.returned_blocks,
            SeriesRow.lease_count,
            SeriesRow.failover_skip,
            func.coalesce(blocks.c.start, SeriesRow.first_serial).label("start"),
            func.coalesce(blocks.c.end, SeriesRow.first_serial).label("end"),
            func.coalesce(blocks.c.returned, 0).label("returned"),
            func.coalesce(blocks.c.leased, 0).label("leased"),
            select(other.c.name)
            .where(
                other.c.number_space_id == SeriesRow.number_space_id,
                other.c.id != SeriesRow.id,
                other.c.first_serial < SeriesRow.end_serial,
                SeriesRow.first_serial < other.c.end_serial,
            )
            .limit(1)
            .scalar_subquery()
            .label("overlaps"),
        ).outerjoin(blocks, blocks.c.series_id == SeriesRow.id)
    ):
        if row.overlaps is not None:
            yield f"the series {row.name} and {row.overlaps} share serials"
        if row.end > row.next_serial:
            yield (
                f"the series {row.name} is at serial {row.next_serial}, and a block of it ends at"
                f" {row.end}"
            )
        if row.start < row.first_serial:
            yield f"a block of the series {row.name} begins at {row.start}, before the series"
        if row.returned != row.returned_blocks:
            yield (
                f"the series {row.name} counts {row.returned_blocks} returned blocks and has"
                f" {row.returned}"
            )
        if not bool(row.leased) <= row.lease_count <= LEASE_COUNT_MOST:
            yield f"the series {row.name} cannot have had {row.lease_count} leases"
        if row.failover_skip < 1:
            yield f"the series {row.name} leaves out {row.failover_skip} serials after a failover"


def _successors(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(SeriesRow.name, SeriesRow.successor))
    successors: dict[str, str | None] = {row.name: row.successor for row in rows}
    for name, successor in successors.items():
        if successor is not None and successor not in successors:
            yield f"the successor of the series {name} is {successor}, which there is not"
        if is_circle(succession_line(name, successors)):
            yield f"the series {name} is followed by a circle of series"


def _spaces(connection: Connection) -> Iterator[str]:
    end = select(func.max(SeriesRow.end_serial)).where(
        SeriesRow.number_space_id == NumberSpaceRow.id
    )
    patterns: list[tuple[str, Pattern]] = []
    for row in connection.execute(
        select(
            NumberSpaceRow.name,
            NumberSpaceRow.options,
            NumberSpaceRow.key,
            NumberSpaceRow.moved_at,
            end.scalar_subquery().label("end"),
        ).order_by(NumberSpaceRow.id)
    ):
        try:
            pattern = from_options(row.options)
            # Refuses the key, and does not show it.
            Format(pattern, bytes(row.key))
        except (KeyError, TypeError):
            yield f"the number space {row.name} has no pattern"
            continue
        except (TrackingServiceError, ValueError) as error:
            yield f"the number space {row.name}: {error}"
            continue
        if (row.end or 0) > pattern.capacity:
            yield f"a series ends at {row.end}, beyond the {pattern.capacity} of {row.name}"
        if row.moved_at is None:
            yield f"the number space {row.name} was not sealed"
        patterns.append((row.name, pattern))
    for (name, pattern), (other_name, other) in itertools.combinations(patterns, 2):
        if pattern.shape.meets(other.shape):
            yield f"a number of the number space {name} could be read as one of {other_name}"


def _blocks_and_batches(connection: Connection) -> Iterator[str]:
    spent: list[tuple[int, int]] = []
    series, end = 0, 0
    query = select(
        BlockRow.id,
        BlockRow.series_id,
        BlockRow.start,
        BlockRow.end,
        BlockRow.state,
    ).order_by(BlockRow.series_id, BlockRow.start)
    # Closed, however it ends: on the server it is a cursor.
    with connection.execute(query.execution_options(yield_per=ROWS)) as rows:
        for row in rows:
            if row.series_id == series and row.start < end:
                yield f"block {row.id}, which begins at {row.start}, overlaps the one before it"
            series, end = row.series_id, row.end
            if row.state != "returned":
                _extend(spent, row.start, row.end)
    yield from _batches(connection, _merge(spent))


def _batches(connection: Connection, spent: list[tuple[int, int]]) -> Iterator[str]:
    """If no block has the serials of a batch, they are leased later, and a retry repeats numbers."""
    query = select(BatchRow.key, BatchRow.ranges, BatchRow.issued_at)
    with connection.execute(query.execution_options(yield_per=ROWS)) as rows:
        for row in rows:
            what = f"the batch of the idempotency key {row.key!r}"
            if row.issued_at is None or not _are_ranges(row.ranges):
                yield f"{what} has no serials, or no moment of issue"
                continue
            for start, end in row.ranges:
                at = bisect_right(spent, (start, math.inf)) - 1
                if at < 0 or end > spent[at][1]:
                    yield f"{what} has serials {start} to {end - 1}, which no instance has leased"


def _extend(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    """Add [start, end) to ranges in order, as a part of the last one if it touches that."""
    if ranges and ranges[-1][0] <= start <= ranges[-1][1]:
        ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
    else:
        ranges.append((start, end))


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        _extend(merged, start, end)
    return merged


def _are_ranges(ranges: object) -> bool:
    return (
        isinstance(ranges, list)
        and len(ranges) > 0
        and all(
            isinstance(each, list)
            and len(each) == 2
            and all(type(serial) is int for serial in each)
            and 0 <= each[0] < each[1] < 2**63
            for each in ranges
        )
    )


def _api_keys(connection: Connection) -> Iterator[str]:
    names = set(connection.execute(select(SeriesRow.name)).scalars())
    for row in connection.execute(
        select(ApiKeyRow.name, ApiKeyRow.digest, ApiKeyRow.scopes, ApiKeyRow.series)
    ):
        try:
            check_key(row.name, [*row.scopes], None if row.series is None else [*row.series])
        except (InvalidKeyError, TypeError) as error:
            yield f"the API key {row.name}: {error}"
            continue
        if len(bytes(row.digest)) != _DIGEST_BYTES:
            yield f"the digest of the API key {row.name} is not {_DIGEST_BYTES} bytes"
        if row.series is not None and not set(row.series) <= names:
            yield f"the API key {row.name} is for a series that there is not"
