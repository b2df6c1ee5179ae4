"""What one process holds over one database, put together as the app does it, without Flask."""

from __future__ import annotations

import secrets
import zlib
from typing import Any

from sqlalchemy import Engine, text

from tests.support.lifetime import Lifetime
from tracking_service.numbering import Pattern, parse
from tracking_service.numbering.alphabets import LETTERS
from tracking_service.records import SeriesRecord
from tracking_service.store.blocks import BlockReader, BlockStore
from tracking_service.store.database import TIMELINE_QUERY, Bulkhead, Database, Use, database_url
from tracking_service.store.series import SeriesStore
from tracking_service.store.skipping import RandBelow


class Stores(Lifetime):
    """The database and stores of one process; ended by `close` or `with`."""

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        """`timeout_seconds` is the setting: until a connection or a statement is given up."""
        self.text = url
        self.url = database_url(url)
        self.database = Database(
            self.url, timeout_seconds=timeout_seconds, bulkhead=Bulkhead(threads=8)
        )
        self.randbelow: RandBelow = secrets.randbelow
        """Draws the part of a skip that is left to chance."""
        self.series = SeriesStore(self.database)
        self.blocks = BlockReader(self.database)

    @property
    def engine(self) -> Engine:
        """What the instance's own transactions run on; for events alone."""
        return self.database.engine()

    @property
    def leases(self) -> Engine:
        """What leases run on; for events alone."""
        return self.database.engine(Use.LEASE)

    def answer_timeline(self, query: str | None) -> None:
        """Let the database tell the history that it writes by another query, or not at all."""
        for engine in (self.engine, self.leases):
            engine.update_execution_options(**{TIMELINE_QUERY: query})

    def store(self, instance: str = "host:1:aaaa") -> BlockStore:
        return BlockStore(self.database, instance=instance, randbelow=self.randbelow)

    def create(
        self,
        name: str,
        *,
        serials: int = 1000,
        block_size: int = 10,
        number_space: str = "test",
        pattern: Pattern | None = None,
    ) -> SeriesRecord:
        """Make a series, by default in a number space of the tests' own of this name.

        The serials of the first one in a space begin at 0.
        """
        return self.series.create(
            name,
            pattern=pattern or pattern_of(number_space),
            serials=serials,
            block_size=block_size,
        )

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one reading statement outside the stores, and return its rows."""
        with self.database.transaction() as connection:
            return [tuple(row) for row in connection.execute(text(statement), parameters)]

    def change(self, statement: str, **parameters: Any) -> None:
        """Run one writing statement outside the stores."""
        with self.database.transaction(write=True) as connection:
            connection.execute(text(statement), parameters)

    def states(self, series: str) -> list[tuple[int, int, str]]:
        """(start, end, state) of every block of a series, by start."""
        return [
            (start, end, state)
            for start, end, state in self.rows(
                'SELECT start, "end", state FROM block'
                " WHERE series_id = (SELECT id FROM series WHERE name = :series) ORDER BY start",
                series=series,
            )
        ]

    def counter(self, series: str) -> int:
        """The next serial that no lease has taken."""
        return self.series.find(series).next_serial

    def close(self) -> None:
        self.database.close()


def pattern_of(number_space: str) -> Pattern:
    """A pattern for a name. No country's code begins with X, and few names are alike in this."""
    at = zlib.crc32(number_space.encode()) % 26**4
    letters = "".join(LETTERS[at // 26**place % 26] for place in range(4))
    return parse(f"X{letters}{{body:10}}{{check}}", "base36")


def waiting_for_a_lock(stores: Stores) -> bool:
    """Whether anybody waits for a lock in this PostgreSQL database."""
    return [(0,)] != stores.rows(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
