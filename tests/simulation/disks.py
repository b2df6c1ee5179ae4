"""Folders in memory, with what has reached the disk and what a power cut takes away."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random

from tests.simulation.fibers import Fibers, Owner, current
from tracking_service.allocation import Disk


class MemoryDisk(Disk):
    """The disk of one host. Each method is a step at which others may run."""

    def __init__(self, fibers: Fibers) -> None:
        self._fibers = fibers
        # By the text of a path, which is faster to look up and to compare than the path.
        self._files: dict[str, str] = {}
        self._durable: dict[str, str] = {}
        self._locks: dict[str, Owner | None] = {}
        self.full = False
        self.exchanges = 0
        """How often somebody has taken the folder away, or put another in its place."""

    def resolve(self, path: Path) -> Path:
        return path

    def exists(self, path: Path) -> bool:
        return str(path) in self._files

    def find(self, folder: Path, pattern: str) -> list[Path]:
        names = (path.rpartition("/") for path in self._files)
        of_folder = str(folder)
        return [
            folder / name
            for above, _, name in names
            if above == of_folder and fnmatchcase(name, pattern)
        ]

    def read(self, path: Path) -> str | None:
        self._fibers.pause()
        return self._files.get(str(path))

    def make_folder(self, folder: Path) -> None:
        pass

    def write(self, path: Path, text: str) -> None:
        self._fibers.pause()
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._files[str(path)] = text

    def replace(self, source: Path, target: Path) -> None:
        self._fibers.pause()
        if str(source) not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self._files[str(target)] = self._files.pop(str(source))

    def remove(self, path: Path) -> None:
        self._files.pop(str(path), None)

    def sync_folder(self, folder: Path) -> None:
        self._fibers.pause()
        self._durable = dict(self._files)

    @contextmanager
    def lock(self, path: Path, *, seconds: float) -> Iterator[None]:
        self._fibers.pause()
        name = str(path)

        def is_free() -> bool:
            owner = self._locks.get(name)
            return owner is None or owner.dead or owner.frozen

        if not is_free():
            self._fibers.wait_until(is_free)
        holder = self._locks.get(name)
        if holder is not None and holder.frozen and not holder.dead:
            raise BlockingIOError(errno.EAGAIN, f"locked for {seconds:g} s")
        fiber = current()
        self._locks[name] = fiber.owner if fiber else Owner()
        try:
            yield
        finally:
            self._locks[name] = None

    def lose_power(self, draw: Random) -> None:
        """What was not synced is lost, unless it happens to have reached the disk."""
        if draw.random() < 0.5:
            self._files = dict(self._durable)
        self._durable = dict(self._files)
        self._locks.clear()

    def lose_folder(self) -> None:
        """Somebody removes all files."""
        self._files, self._durable = {}, {}
        self.exchanges += 1

    def copy_from(self, other: MemoryDisk) -> None:
        """Somebody puts a copy of another host's folder here."""
        self._files = dict(other._files)
        self.exchanges += 1
        self._durable = dict(self._files)
