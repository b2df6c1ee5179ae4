"""The file system as the high-water marks use it: what is read, and what is made to last.

Handed in, so that a simulation can lose power between two steps, and keep a neighbour waiting,
without a disk and without time.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from tracking_service import file_locks


class Disk:
    """The host's file system. Every method may raise OSError."""

    def resolve(self, path: Path) -> Path:
        """The file itself, where a link leads to it."""
        # Not Path.resolve, which before Python 3.13 raises RuntimeError for a link to itself.
        return Path(os.path.realpath(path))

    def exists(self, path: Path) -> bool:
        return path.exists()

    def find(self, folder: Path, pattern: str) -> list[Path]:
        """The files in a folder whose names match; none where there is no folder."""
        # Not Path.glob, which passes over a folder that may not be read.
        try:
            return [path for path in folder.iterdir() if fnmatchcase(path.name, pattern)]
        except FileNotFoundError:
            return []

    def read(self, path: Path) -> str | None:
        """The text of a file, or None where there is none. Raises UnicodeDecodeError.

        A link that leads nowhere is an error, not a missing file.
        """
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            if path.is_symlink():
                raise
            return None

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, if missing; on return their names are on the disk."""
        if not folder.is_dir():
            self.make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            self.sync_folder(folder.parent)

    def write(self, path: Path, text: str) -> None:
        """Write a file; on return its content is on the disk, and perhaps not yet its name."""
        with path.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Rename `source` to `target`, which is the old file or the new one at any moment."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """On return the names in a folder are on the disk."""
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    @contextmanager
    def lock(self, path: Path, *, seconds: float) -> Iterator[None]:
        """Keep other processes that lock `path` out of the block; it is made where it is missing.

        Raises BlockingIOError if another keeps it for `seconds`.
        """
        with path.open("w") as file:
            file_locks.lock(file, fcntl.LOCK_EX, seconds=seconds)
            try:
                yield
            finally:
                # Closing is not enough: a child forked in this moment has the file open as well.
                fcntl.flock(file, fcntl.LOCK_UN)
