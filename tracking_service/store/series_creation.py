"""Makes a series, and the number space that it is in.

A number space is one pattern under a key of its own. All series of one pattern share its space,
each with its own range of the serials, so that no two of them can write the same number and a
number's series can be told from its serial. No two spaces can write the same number either, for
none is made whose shape meets that of another.
"""

from collections.abc import Callable

from sqlalchemy import Connection, func, insert, select

from tracking_service.errors import MovedError, NumberSpaceTakenError, PatternTakenError
from tracking_service.numbering import KEY_BYTES, Pattern, from_options
from tracking_service.store import succession
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import NumberSpaceRow, SeriesRow
from tracking_service.store.timeline import server_timeline

FAILOVER_SKIP_MOST = 1_000_000_000
"""The `failover_skip` of a new series (see `skipping.margin`), or a thousandth of its serials if
that is less."""

PATTERN_FORMAT = "pattern"
"""What `number_space.format` says where earlier versions cannot read the numbers."""


def create(
    connection: Connection,
    name: str,
    pattern: Pattern,
    serials: int,
    block_size: int,
    token_bytes: Callable[[int], bytes],
) -> None:
    """Make a series of `serials` serials, the next free ones of its pattern's number space.

    In a transaction that the caller began and commits. The space is made if there is none, with a
    key that `token_bytes` draws. Raises PatternTakenError, NumberSpaceTakenError and MovedError.
    """
    space_id = _lock_space(connection, pattern, token_bytes)
    first = _first_free(connection, space_id)
    if first + serials > pattern.capacity:
        raise NumberSpaceTakenError(
            f"the pattern {pattern.text} has {pattern.capacity - first} serials left, and {name}"
            f" needs {serials}"
        )
    connection.execute(
        insert(SeriesRow).values(
            name=name,
            number_space_id=space_id,
            block_size=block_size,
            first_serial=first,
            next_serial=first,
            end_serial=first + serials,
            failover_skip=min(FAILOVER_SKIP_MOST, max(1, serials // 1000)),
            # From here on a failover that forgets leases shows.
            timeline=server_timeline(connection),
            created_at=DatabaseTime(),
        )
    )


def _lock_space(
    connection: Connection, pattern: Pattern, token_bytes: Callable[[int], bytes]
) -> int:
    """The id of the pattern's number space, which is made if there is none.

    Takes the lock of `lock_series`: else two hosts could make two spaces at once whose shapes meet,
    and neither would see the other's.
    """
    succession.lock_series(connection)
    spaces = connection.execute(
        select(
            NumberSpaceRow.id, NumberSpaceRow.name, NumberSpaceRow.options, NumberSpaceRow.moved_at
        ).order_by(NumberSpaceRow.id)
    ).all()
    if any(space.moved_at is not None for space in spaces):
        # The other database may give the same serials to a series of its own.
        raise MovedError("the series of this database were moved to another one by an export")
    for space in spaces:
        other = from_options(space.options)
        if other == pattern:
            return int(space.id)
        if other.shape.meets(pattern.shape):
            raise _taken(connection, pattern, space.id, other)
    made: int = connection.execute(
        insert(NumberSpaceRow)
        .values(
            # Two patterns of one text meet, whatever their alphabets.
            name=pattern.text,
            format=PATTERN_FORMAT,
            options=pattern.options,
            key=token_bytes(KEY_BYTES),
        )
        .returning(NumberSpaceRow.id)
    ).scalar_one()
    return made


def _taken(
    connection: Connection, pattern: Pattern, space_id: int, other: Pattern
) -> PatternTakenError:
    names = connection.execute(
        select(SeriesRow.name)
        .where(SeriesRow.number_space_id == space_id)
        .order_by(SeriesRow.first_serial)
        .limit(1)
    ).scalars()
    series = next(iter(names), None)
    whose = f"the series {series}" if series else "another series"
    return PatternTakenError(
        f"a number of the pattern {pattern.text} over {pattern.alphabet.name} could be read as one"
        f" of {whose}, whose pattern is {other.text} over {other.alphabet.name}"
    )


def _first_free(connection: Connection, space_id: int) -> int:
    first: int = connection.execute(
        select(func.coalesce(func.max(SeriesRow.end_serial), 0)).where(
            SeriesRow.number_space_id == space_id
        )
    ).scalar_one()
    return first
