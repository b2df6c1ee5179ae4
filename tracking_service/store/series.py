"""Series and their number spaces: made, found and listed.

A number space holds a format's key and never lends it to another. All routed series share one,
each with its own range of the serials, so that no two of them can write the same number and a
number's series can be told from its serial. An S10 space is one service indicator and country, and
takes one series.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from tracking_service.errors import (
    ConflictError,
    MovedError,
    NumberSpaceTakenError,
    SeriesExistsError,
    StoreError,
    UnknownSeriesError,
)
from tracking_service.numbering import KEY_BYTES
from tracking_service.records import SeriesRecord
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database, Use
from tracking_service.store.models import NumberSpace, Series
from tracking_service.store.timeline import server_timeline

FAILOVER_SKIP_MOST = 1_000_000_000
"""Serials left out after a failover at the least (see `skipping.margin`), or a thousandth of the
series if that is less."""

TRIES = 10
"""Attempts to make a series while others make the same, or its number space, in that moment."""


_RECORD = select(
    Series.name,
    NumberSpace.name,
    NumberSpace.format,
    NumberSpace.options,
    NumberSpace.key,
    Series.block_size,
    Series.first_serial,
    Series.next_serial,
    Series.end_serial,
    Series.created_at,
).join(NumberSpace, Series.number_space_id == NumberSpace.id)


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
        records = self._read(_RECORD.where(Series.name == name))
        if not records:
            raise UnknownSeriesError(name)
        return records[0]

    def all(self) -> list[SeriesRecord]:
        """Every series, by name."""
        return self._read(_RECORD.order_by(Series.name))

    def in_space(self, number_space: str) -> list[SeriesRecord]:
        """The series of one number space, by their serials."""
        return self._read(
            _RECORD.where(NumberSpace.name == number_space).order_by(Series.first_serial)
        )

    def create(
        self,
        name: str,
        *,
        number_space: str,
        format: str,
        options: Mapping[str, str],
        space_capacity: int,
        serials: int,
        block_size: int,
    ) -> SeriesRecord:
        """Make a series of `serials` serials, the next free ones of its number space.

        The space is made if it does not exist, with a key of its own. Raises SeriesExistsError,
        NumberSpaceTakenError if less is free, MovedError, and StoreError if the database refuses
        the series again and again.
        """
        for _ in range(TRIES):
            try:
                with self._database.transaction(write=True) as connection:
                    space_id = _lock_space(
                        connection, number_space, format, options, self._token_bytes
                    )
                    first = _first_free(connection, space_id)
                    if first + serials > space_capacity:
                        raise NumberSpaceTakenError(
                            f"number space {number_space} has {space_capacity - first}"
                            f" serials left, and {name} needs {serials}"
                        )
                    connection.execute(
                        insert(Series).values(
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
                return self.find(name)
            except ConflictError as error:
                # Another made the same series, or the same space, in this moment; with the space
                # there now, the next try waits for its lock instead.
                if any(record.name == name for record in self.all()):
                    raise SeriesExistsError(f"there is a series named {name} already") from error
        raise StoreError(f"the database refuses a series named {name} again and again")

    def _read(self, query: Select[*tuple[Any, ...]]) -> list[SeriesRecord]:
        with self._database.transaction(self._use) as connection:
            return [SeriesRecord(*row) for row in connection.execute(query)]


def _lock_space(
    connection: Connection,
    name: str,
    format: str,
    options: Mapping[str, str],
    token_bytes: Callable[[int], bytes],
) -> int:
    """The number space's id, with its row locked: one at a time takes serials out of it."""
    touch = (
        update(NumberSpace)
        .where(NumberSpace.name == name)
        .values(name=NumberSpace.name)
        .returning(NumberSpace.id)
    )
    space_id = connection.execute(touch).scalar_one_or_none()
    if connection.execute(select(NumberSpace.id).where(NumberSpace.moved_at.is_not(None))).first():
        # The other database may give the same serials to a series of its own.
        raise MovedError("the series of this database were moved to another one by an export")
    if space_id is None:
        space_id = connection.execute(
            insert(NumberSpace)
            .values(
                name=name,
                format=format,
                options=dict(options),
                key=token_bytes(KEY_BYTES),
            )
            .returning(NumberSpace.id)
        ).scalar_one()
    return space_id


def _first_free(connection: Connection, space_id: int) -> int:
    first: int = connection.execute(
        select(func.coalesce(func.max(Series.end_serial), 0)).where(
            Series.number_space_id == space_id
        )
    ).scalar_one()
    return first
