"""The rows of thousands of series, written directly: a command for each would take half an hour."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select

from tracking_service.allocation import HighWaterMarks
from tracking_service.numbering import KEY_BYTES, Pattern, parse
from tracking_service.numbering.builtin import ROUTED
from tracking_service.store.database import Database
from tracking_service.store.models import NumberSpaceRow, SeriesRow
from tracking_service.store.series_creation import PATTERN_FORMAT

BEGIN = 10**13
"""The first serial after those of the default series."""
SERIALS = 10**11
BLOCK_SIZE = 1000
AT_ONCE = 1000
"""Series added in a transaction, which has a few seconds."""


def add_series(database: Database, count: int, *, patterns: bool) -> None:
    """Add so many series, of one pattern or, with `patterns`, of one each."""
    for begin in range(0, count, AT_ONCE):
        indexes = range(begin, min(count, begin + AT_ONCE))
        with database.transaction(write=True) as connection:
            if patterns:
                connection.execute(
                    insert(NumberSpaceRow), [_space_row(own_pattern(index)) for index in indexes]
                )
            names = select(NumberSpaceRow.name, NumberSpaceRow.id)
            spaces = {each.name: each.id for each in connection.execute(names)}
            connection.execute(
                insert(SeriesRow), [_series_row(each, spaces, patterns) for each in indexes]
            )


def _space_row(pattern: Pattern) -> dict[str, object]:
    return {
        "name": pattern.text,
        "format": PATTERN_FORMAT,
        "options": pattern.options,
        "key": secrets.token_bytes(KEY_BYTES),
    }


def _series_row(index: int, spaces: Mapping[str, int], patterns: bool) -> dict[str, object]:
    first = 0 if patterns else BEGIN + index * SERIALS
    return {
        "name": name_of(index),
        "number_space_id": spaces[own_pattern(index).text if patterns else ROUTED.text],
        "block_size": BLOCK_SIZE,
        "first_serial": first,
        "next_serial": first,
        "end_serial": first + SERIALS,
        "failover_skip": 1_000,
        "created_at": datetime.now(UTC),
    }


def own_pattern(index: int) -> Pattern:
    """A pattern that meets no other of them: X and four digits stand first in its numbers."""
    return parse(f"X{index:04}{{body:8}}{{check}}", "crockford")


def name_of(index: int) -> str:
    """The name of the series of this index."""
    return f"many-{index:05}"


def add_marks(folder: Path, count: int) -> None:
    """Write high-water marks as instances leave them that had so many series."""
    marks = HighWaterMarks(folder)
    for index in range(count):
        series = f"{index:016x}/{name_of(index)}"
        path = marks.path(series)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"series": {series: [10**12, 1_000]}}))
