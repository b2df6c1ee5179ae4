"""Two ways in which people restore an SQLite file from an older copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Copy a database as `sqlite3 SOURCE '.backup TARGET'` does, whoever has it open."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def into_its_place(old: Path, path: Path) -> None:
    """Restore as `.restore` does: into the file that the instances have open."""
    copy(old, path)


def in_its_stead(old: Path, path: Path) -> None:
    """Restore as people do: remove the file with what belongs to it, put the old one there."""
    new = path.with_name("restored")
    copy(old, new)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.replace(path)
