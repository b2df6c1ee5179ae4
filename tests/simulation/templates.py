"""Databases as the migrations make them, to begin from; made once in a process."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.commands import migrate

KEYS = {"first": bytes(range(32)), "second": bytes(range(32, 64))}
"""Fixed, so that a seed repeats a history whole."""

# In serials: the series that comes with the database, one more of its number space, one that a
# hundred blocks are a part of, and one that they use up.
BIG = 1_000_000_000_000
SERIES = {"default": (6, BIG), "gifts": (4, BIG), "middle": (4, 40_000), "few": (3, 160)}


@dataclass(frozen=True)
class State:
    """A database, as SQLite serializes it."""

    data: bytes


@cache
def initial_state() -> State:
    """A database with its series, of which nothing was leased."""
    return State(_made("first", list(SERIES)))


@cache
def fresh_state() -> State:
    """Another database, as the migrations make it, for an import."""
    return State(_made("second", ["default"]))


def _made(key: str, series: list[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tracking.sqlite3"
        path.touch()
        migrate(f"sqlite:///{path}")
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            # A database in memory has no write-ahead log.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("UPDATE number_space SET key = ?", [KEYS[key]])
            first = 0
            for name in series:
                size, serials = SERIES[name]
                connection.execute("DELETE FROM series WHERE name = ?", [name])
                connection.execute(
                    "INSERT INTO series (name, number_space_id, block_size, first_serial,"
                    " next_serial, end_serial, failover_skip, created_at)"
                    " SELECT ?, id, ?, ?, ?, ?, ?, '2026-01-01 00:00:00.000000' FROM number_space",
                    [
                        name,
                        size,
                        first,
                        first,
                        first + serials,
                        min(10**9, max(1, serials // 1000)),
                    ],
                )
                first += serials
            connection.execute("VACUUM")
            return connection.serialize()
        finally:
            connection.close()
