"""Series and their number spaces: found, listed, made and changed."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ScalarSelect,
    Select,
    bindparam,
    or_,
    select,
)

from tracking_service.errors import (
    ConflictError,
    SeriesExistsError,
    StoreError,
    UnknownSeriesError,
)
from tracking_service.numbering import Pattern, from_options
from tracking_service.records import SeriesNotice, SeriesRecord, SpaceRecord
from tracking_service.store import series_creation, succession
from tracking_service.store.database import Database, Use
from tracking_service.store.models import NumberSpaceRow, SeriesRow

TRIES = 10
"""Attempts to make a series while others make the same one, or its number space."""


def _space_id(parameter: str) -> ScalarSelect[int]:
    return (
        select(NumberSpaceRow.id)
        .where(NumberSpaceRow.name == bindparam(parameter))
        .scalar_subquery()
    )


_RECORD = select(
    SeriesRow.name,
    NumberSpaceRow.name,
    NumberSpaceRow.options,
    NumberSpaceRow.key,
    SeriesRow.block_size,
    SeriesRow.first_serial,
    SeriesRow.next_serial,
    SeriesRow.end_serial,
    SeriesRow.created_at,
    SeriesRow.successor,
    SeriesRow.closed_at,
).join(NumberSpaceRow, SeriesRow.number_space_id == NumberSpaceRow.id)
_NAMED = _RECORD.where(SeriesRow.name == bindparam("name"))
_ALL = _RECORD.order_by(SeriesRow.name)
_NEAREST = (
    _RECORD.where(
        # A subquery, which is run first, so that the index of series by space and first serial is
        # descended once.
        SeriesRow.number_space_id == _space_id("number_space"),
        SeriesRow.first_serial <= bindparam("serial", type_=BigInteger),
    )
    .order_by(SeriesRow.first_serial.desc())
    .limit(1)
)


@lru_cache(maxsize=64)
def _counters(count: int) -> Select[*tuple[Any, ...]]:
    """One row with the counter of the series next below each of `count` serials, or NULL."""
    return select(
        *(
            select(SeriesRow.next_serial)
            .where(
                SeriesRow.number_space_id == _space_id(f"space_{at}"),
                SeriesRow.first_serial <= bindparam(f"serial_{at}", type_=BigInteger),
            )
            .order_by(SeriesRow.first_serial.desc())
            .limit(1)
            .scalar_subquery()
            .label(f"counter_{at}")
            for at in range(count)
        )
    )


class SeriesStore:
    """The series of a database. Every method may raise StoreError."""

    def __init__(
        self,
        database: Database,
        use: Use = Use.INSTANCE,
        *,
        token_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`use` is what series are read for. `token_bytes` draws the keys of number spaces."""
        self._database = database
        self._use = use
        self._token_bytes = token_bytes

    def find(self, name: str) -> SeriesRecord:
        """The series of this name, or UnknownSeriesError."""
        records = self._read(_NAMED, {"name": name})
        if not records:
            raise UnknownSeriesError(name)
        return records[0]

    def all(self) -> list[SeriesRecord]:
        """Every series, by name."""
        return self._read(_ALL, {})

    def offered(self, only: Collection[str] | None, limit: int) -> list[SeriesRecord]:
        """The first `limit` series, by name, that give numbers; with `only`, of those named there.

        A closed series gives numbers if it has a successor. Reads no more rows than it must.
        """
        query = _ALL.where(or_(SeriesRow.closed_at.is_(None), SeriesRow.successor.is_not(None)))
        if only is not None:
            query = query.where(SeriesRow.name.in_(only))
        return self._read(query.limit(limit), {})

    def nearest(self, number_space: str, serial: int) -> SeriesRecord | None:
        """The last series of a number space that begins at or before `serial`, or None.

        By one descent of an index, however many series there are.
        """
        records = self._read(_NEAREST, {"number_space": number_space, "serial": serial})
        return records[0] if records else None

    def count_leased(self, serials: Sequence[tuple[str, int]]) -> int:
        """How many of these serials, each with its number space, have been leased.

        By the series' counters, in one statement that descends an index for each.
        """
        asked: dict[str, str | int] = {}
        for at, (number_space, serial) in enumerate(serials):
            asked |= {f"space_{at}": number_space, f"serial_{at}": serial}
        with self._database.transaction(self._use) as connection:
            counters = connection.execute(_counters(len(serials)), asked).one()
        return sum(
            counter is not None and serial < counter
            for (_, serial), counter in zip(serials, counters, strict=True)
        )

    def spaces(self, *, after: int = 0) -> list[SpaceRecord]:
        """The number spaces whose id is greater than `after`, by id: the order they were made in."""
        query = (
            select(
                NumberSpaceRow.id, NumberSpaceRow.name, NumberSpaceRow.options, NumberSpaceRow.key
            )
            .where(NumberSpaceRow.id > after)
            .order_by(NumberSpaceRow.id)
        )
        with self._database.transaction(self._use) as connection:
            return [
                SpaceRecord(id, name, from_options(options), key)
                for id, name, options, key in connection.execute(query)
            ]

    def create(self, name: str, *, pattern: Pattern, serials: int, block_size: int) -> SeriesRecord:
        """Make a series of `serials` serials, the next free ones of its pattern's number space.

        The space is made if there is none, with a key of its own. Raises SeriesExistsError,
        PatternTakenError if a number of this pattern could be read as one of another series,
        NumberSpaceTakenError if fewer serials are free, MovedError, and StoreError if the database
        refuses the series again and again.
        """
        for _ in range(TRIES):
            try:
                with self._database.transaction(write=True) as connection:
                    series_creation.create(
                        connection, name, pattern, serials, block_size, self._token_bytes
                    )
                return self.find(name)
            except ConflictError as error:
                if any(record.name == name for record in self.all()):
                    raise SeriesExistsError(f"there is a series named {name} already") from error
        raise StoreError(f"the database refuses a series named {name} again and again")

    def notices(self) -> list[SeriesNotice]:
        """The notices of all series that have a successor or are closed."""
        with self._database.transaction(self._use) as connection:
            return succession.notices(connection)

    def set_successor(self, name: str, successor: str | None) -> None:
        """Set the successor of a series; None: it has none.

        Raises UnknownSeriesError, and InvalidSeriesError if the successor is closed, would follow
        itself, or refuses other shipments than the series does.
        """
        with self._database.transaction(write=True) as connection:
            succession.set_successor(connection, name, successor)

    def close(self, name: str) -> None:
        """Close a series; one that is closed stays as it is.

        Raises UnknownSeriesError, and InvalidSeriesError if it is the successor of another series.
        """
        with self._database.transaction(write=True) as connection:
            succession.close(connection, name)

    def _read(
        self, query: Select[*tuple[Any, ...]], parameters: Mapping[str, str | int]
    ) -> list[SeriesRecord]:
        with self._database.transaction(self._use) as connection:
            return [
                SeriesRecord(name, number_space, from_options(options), *rest)
                for name, number_space, options, *rest in connection.execute(query, parameters)
            ]
