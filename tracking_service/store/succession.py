"""Changes a series after it was made: sets its successor, or closes it.

All checks are made under the lock under which series are made, so that two hosts that set
successors at once make no circle. Leases go on meanwhile.

Each function works in a transaction that its caller began and commits.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, text, update

from tracking_service.errors import InvalidSeriesError, UnknownSeriesError
from tracking_service.numbering import from_options
from tracking_service.numbering.shape import COUNTRIES
from tracking_service.records import SeriesNotice, is_circle, succession_line
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.models import NumberSpaceRow, SeriesRow

_NOTICES = select(
    SeriesRow.name,
    SeriesRow.successor,
    SeriesRow.closed_at,
    SeriesRow.end_serial - SeriesRow.next_serial,
).where(SeriesRow.successor.is_not(None) | SeriesRow.closed_at.is_not(None))


def lock_series(connection: Connection) -> None:
    """Lock out all who make or close series or set successors; leases and reads go on."""
    if connection.dialect.name == "postgresql":
        # The table, for a space that is being made has no row yet that could be locked. SQLite has
        # locked the whole file by now.
        connection.execute(text("LOCK TABLE number_space IN SHARE ROW EXCLUSIVE MODE"))


def notices(connection: Connection) -> list[SeriesNotice]:
    """The notices of all series that have a successor or are closed."""
    return [
        SeriesNotice(name, successor, closed_at is not None, remaining)
        for name, successor, closed_at, remaining in connection.execute(_NOTICES)
    ]


def set_successor(connection: Connection, name: str, successor: str | None) -> None:
    """Set the successor of a series; None: it has none.

    Raises UnknownSeriesError, and InvalidSeriesError if the successor is closed, would follow
    itself, or refuses other shipments than the series does.
    """
    lock_series(connection)
    if successor is not None:
        _check(_all(connection), name, successor)
    changed = connection.execute(
        update(SeriesRow).where(SeriesRow.name == name).values(successor=successor)
    )
    if not changed.rowcount:
        raise UnknownSeriesError(name)


def close(connection: Connection, name: str) -> None:
    """Close a series; one that is closed stays as it is.

    Raises UnknownSeriesError, and InvalidSeriesError if it is the successor of another series.
    """
    lock_series(connection)
    rows = _all(connection)
    if name not in rows:
        raise UnknownSeriesError(name)
    before = [row.name for row in rows.values() if row.successor == name]
    if before:
        raise InvalidSeriesError(
            f"{name} is the successor of {before[0]}: name another, or none, before it is closed"
        )
    connection.execute(
        update(SeriesRow)
        .where(SeriesRow.name == name, SeriesRow.closed_at.is_(None))
        .values(closed_at=DatabaseTime())
    )


def _all(connection: Connection) -> Mapping[str, Row[*tuple[Any, ...]]]:
    rows = connection.execute(
        select(
            SeriesRow.name, SeriesRow.successor, SeriesRow.closed_at, NumberSpaceRow.options
        ).join(NumberSpaceRow, SeriesRow.number_space_id == NumberSpaceRow.id)
    )
    return {row.name: row for row in rows}


def _check(rows: Mapping[str, Row[*tuple[Any, ...]]], name: str, successor: str) -> None:
    for each in (name, successor):
        if each not in rows:
            raise UnknownSeriesError(each)
    if rows[successor].closed_at is not None:
        raise InvalidSeriesError(f"{successor} is closed: it cannot be the successor of {name}")
    successors = {each: row.successor for each, row in rows.items()}
    line = succession_line(name, {**successors, name: successor})
    if is_circle(line):
        raise InvalidSeriesError(f"{' -> '.join(line)} is a circle: no series can follow itself")
    own, its = (from_options(rows[each].options) for each in (name, successor))
    for kind in COUNTRIES:
        if own.only(kind) != its.only(kind):
            raise InvalidSeriesError(
                f"{successor} refuses other shipments than {name}: their {kind} is"
                f" {its.only(kind) or 'any'} for {successor} and {own.only(kind) or 'any'} for"
                f" {name}"
            )
