"""Folders in memory, with what has reached the disk and what a power cut takes away."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from random import Random

from tests.simulation.fibers import Fibers, Owner, current
from tracking_service.allocation import Disk


@lru_cache(maxsize=1024)
def _folder_of(path: Path) -> Path:
    return path.parent


class MemoryDisk(Disk):
    """The disk of one host. Each method is a step at which others may run."""

    def __init__(self, fibers: Fibers) -> None:
        self._fibers = fibers
        self.files: dict[Path, str] = {}
        self._durable: dict[Path, str] = {}
        self._locks: dict[Path, Owner | None] = {}
        self.full = False
        self.exchanges = 0
        """How often somebody has taken the folder away, or put another in its place."""

    def resolve(self, path: Path) -> Path:
        return path

    def exists(self, path: Path) -> bool:
        return path in self.files

    def find(self, folder: Path, pattern: str) -> list[Path]:
        return [
            path
            for path in self.files
            if _folder_of(path) == folder and fnmatchcase(path.name, pattern)
        ]

    def read(self, path: Path) -> str | None:
        self._fibers.pause()
        return self.files.get(path)

    def make_folder(self, folder: Path) -> None:
        pass

    def write(self, path: Path, text: str) -> None:
        self._fibers.pause()
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.files[path] = text

    def replace(self, source: Path, target: Path) -> None:
        self._fibers.pause()
        if source not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.files[target] = self.files.pop(source)

    def remove(self, path: Path) -> None:
        self.files.pop(path, None)

    def sync_folder(self, folder: Path) -> None:
        self._fibers.pause()
        self._durable = dict(self.files)

    @contextmanager
    def lock(self, path: Path, *, seconds: float) -> Iterator[None]:
        self._fibers.pause()

        def is_free() -> bool:
            owner = self._locks.get(path)
            return owner is None or owner.dead or owner.frozen

        if not is_free():
            self._fibers.wait_until(is_free)
        holder = self._locks.get(path)
        if holder is not None and holder.frozen and not holder.dead:
            raise BlockingIOError(errno.EAGAIN, f"locked for {seconds:g} s")
        fiber = current()
        self._locks[path] = fiber.owner if fiber else Owner()
        try:
            yield
        finally:
            self._locks[path] = None

    def lose_power(self, draw: Random) -> None:
        """What was not synced is lost, unless it happens to have reached the disk."""
        if draw.random() < 0.5:
            self.files = dict(self._durable)
        self._durable = dict(self.files)
        self._locks.clear()

    def lose_folder(self) -> None:
        """Somebody removes all files."""
        self.files, self._durable = {}, {}
        self.exchanges += 1

    def copy_from(self, other: MemoryDisk) -> None:
        """Somebody puts a copy of another host's folder here."""
        self.files = dict(other.files)
        self.exchanges += 1
        self._durable = dict(self.files)
