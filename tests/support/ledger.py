"""The block table as the judge of numbers: each must lie in a block that was leased.

It is read with SQL of its own and decoded with the key in the database, so that no code that
leases vouches for itself.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import NullPool, create_engine, text

from tests.support.oracle import History, Verdict
from tracking_service.numbering import Format, from_options
from tracking_service.store.database import database_url

# A number may be in a block that was left out: the lease that gave it was forgotten.
HANDED_OUT = frozenset({"leased", "spent", "skipped"})
SHOWN = 10


@dataclass(frozen=True)
class Row:
    """A row of the block table: the serials [start, end) of a series."""

    id: int
    series: str
    start: int
    end: int
    state: str
    instance: str

    def __len__(self) -> int:
        return self.end - self.start


class Ledger:
    """The block table at one moment."""

    def __init__(self, rows: Iterable[Row], formats: dict[str, Format], spaces: dict[str, str]):
        self.rows = sorted(rows, key=lambda row: row.id)
        self._formats = formats
        # Serials of one number space belong to one series each: the space alone tells blocks apart.
        self._by_space: dict[str, list[Row]] = {name: [] for name in formats}
        for row in sorted(self.rows, key=lambda row: row.start):
            self._by_space[spaces[row.series]].append(row)

    @classmethod
    def read(cls, url: str) -> Self:
        engine = create_engine(database_url(url), poolclass=NullPool)
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    'SELECT block.id, series.name, start, "end", state, instance FROM block'
                    " JOIN series ON series.id = series_id"
                )
            ).all()
            spaces = connection.execute(
                text(
                    "SELECT series.name, number_space.name AS space, options, key"
                    " FROM series JOIN number_space ON number_space.id = number_space_id"
                )
            ).all()
        engine.dispose()
        formats = {}
        for space in spaces:
            options = (
                space.options if isinstance(space.options, dict) else json.loads(space.options)
            )
            formats[space.space] = Format(from_options(options), bytes(space.key))
        return cls(
            [Row(*row) for row in rows], formats, {space.name: space.space for space in spaces}
        )

    def serial(self, number: str) -> int:
        """The serial that a number was written from."""
        return self._formats[self._space(number)].decode(number).serial

    def holding(self, number: str) -> Row | None:
        """The block that a number was issued from, or None where it lies in none."""
        space = self._space(number)
        serial = self._formats[space].decode(number).serial
        rows = self._by_space[space]
        before = bisect_right(rows, serial, key=lambda row: row.start)
        row = rows[before - 1] if before else None
        return row if row is not None and serial < row.end else None

    def _space(self, number: str) -> str:
        """The name of the one space whose shape the number has."""
        (space,) = (name for name, each in self._formats.items() if each.pattern.shape.fits(number))
        return space

    def unrecorded(self, numbers: Iterable[str]) -> list[str]:
        """The numbers that lie in no block that was handed out."""
        return [
            number
            for number in numbers
            if (row := self.holding(number)) is None or row.state not in HANDED_OUT
        ]

    def instances(self, *, state: str | None = None) -> set[str]:
        """The names of those who hold, or held, a block; only of blocks in `state`."""
        return {row.instance for row in self.rows if state in {None, row.state}}


@dataclass(frozen=True)
class Judgement:
    """What a history is worth beside the database that it came from."""

    verdict: Verdict
    unrecorded: list[str]

    @property
    def honest(self) -> bool:
        """No number twice, and none from outside a recorded block."""
        return self.verdict.unique and not self.unrecorded

    def __str__(self) -> str:
        lines = [str(self.verdict)]
        if self.unrecorded:
            lines.append(f"{len(self.unrecorded)} numbers lie in no block that was leased:")
            lines += [f"  {number}" for number in self.unrecorded[:SHOWN]]
        return "\n".join(lines)


def judge(history: History, url: str) -> Judgement:
    """Hold every number that a client got against all others and against the database."""
    return Judgement(history.verdict(), Ledger.read(url).unrecorded(history.numbers()))
