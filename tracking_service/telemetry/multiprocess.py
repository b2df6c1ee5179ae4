"""The files in which the worker processes of one server count, so that each can sum over all.

A scrape reaches one worker and must give the sums over all. Workers of one server are children of
one process, so their group is named after host and parent. The parent's pid is not enough: it may
be 1 in each container, and another process may have it later. So its pid namespace and its start
are in the name, too. Each worker has a file of its own and locks it while it runs. The kernel
releases the lock when the process ends in any way, so that an unlocked file is of a process that
has ended. Its counts are kept, because a sum must not fall when a worker is replaced, and are folded
into one file when the next worker joins. The files of a group without a running process are
removed.

A lock on the folder orders this: shared to read, exclusive to join.
"""

import fcntl
import hashlib
import mmap
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tracking_service import file_locks
from tracking_service.telemetry.mmap_values import SIZE_BYTES, MetricKey, MmapValues

LAYOUT = 2
"""Increased when the form of files or rows changes, so that releases side by side do not mix."""

LOCK_SECONDS = 0.5
"""How long to wait for the folder's lock. Another worker may be frozen with it, and every request
of this process may wait for it."""

GAUGE = "gauge"
"""Rows whose key begins with this are gauges, which end with their process."""


class WorkerFiles:
    """The files of this process and of the other workers. Every method may raise OSError."""

    def __init__(self, folder: Path, *, proc: Path = Path("/proc")) -> None:
        """`proc` has Linux's files of processes; where there are none, the parent's pid alone counts."""
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:200]
        parent = os.getppid()
        self._folder = folder
        self._name = f"{host}.{parent}-{_identity(parent, proc)}.{LAYOUT}"
        # Kept open: the last descriptor's end releases the lock.
        self._mine: list[IO[bytes]] = []
        self._joined = False

    def new_file(self) -> MmapValues:
        """Make a file for this process to count in; with the first one it joins the group."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX):
            if not self._joined:
                self._remove_dead_groups()
                self._fold_dead()
            file, values = self._create()
            fcntl.flock(file, fcntl.LOCK_EX)
        self._mine.append(file)
        self._joined = True
        return values

    def processes(self) -> Iterator[tuple[bool, dict[MetricKey, list[float]]]]:
        """Whether its process runs, and the rows, for every file of the group."""
        with self._locked(fcntl.LOCK_SH):
            yield from [(_is_locked(path), _read(path)) for path in self._paths(self._name)]

    def leave(self) -> None:
        """Close the files that a fork copied; the parent keeps the locks."""
        for file in self._mine:
            file.close()
        self._mine.clear()

    def _paths(self, group: str) -> list[Path]:
        return sorted(self._folder.glob(f"{group}.*.cells"))

    def _create(self) -> tuple[IO[bytes], MmapValues]:
        path = self._folder / f"{self._name}.{os.getpid()}-{secrets.token_hex(4)}.cells"
        file = path.open("x+b")
        try:
            # Room is taken now: to write to mapped memory without room on the disk ends the process.
            os.posix_fallocate(file.fileno(), 0, SIZE_BYTES)
            return file, MmapValues(mmap.mmap(file.fileno(), SIZE_BYTES))
        except BaseException:
            file.close()
            path.unlink()
            raise

    def _fold_dead(self) -> None:
        dead = [path for path in self._paths(self._name) if not _is_locked(path)]
        if len(dead) < 2:
            return
        total: dict[MetricKey, list[float]] = {}
        for path in dead:
            add(total, {key: row for key, row in _read(path).items() if key[0] != GAUGE})
        file, memory = self._create()
        for key, row in total.items():
            values = memory.add(key, len(row))
            while values is None:
                file.close()
                file, memory = self._create()
                values = memory.add(key, len(row))
            for at, value in enumerate(row):
                values[at] = value
        file.close()
        for path in dead:
            path.unlink()

    def _remove_dead_groups(self) -> None:
        groups = {path.name.rsplit(".", 2)[0] for path in self._paths("*")} - {self._name}
        for group in groups:
            paths = self._paths(group)
            if not any(map(_is_locked, paths)):
                for path in paths:
                    path.unlink()

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with (self._folder / "lock").open("ab") as lock:
            file_locks.lock(lock, how, seconds=LOCK_SECONDS)
            yield


def _identity(pid: int, proc: Path) -> str:
    """What tells a process from others of its pid: its namespace, and when it started.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    known = []
    with suppress(OSError):
        known.append(str((proc / "self" / "ns" / "pid").readlink()))
    with suppress(OSError):
        # In clock ticks since the boot. What is in parentheses may hold anything, spaces too.
        known.append((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:8]


def add(total: dict[MetricKey, list[float]], rows: dict[MetricKey, list[float]]) -> None:
    """Add rows to a sum, value by value."""
    for key, row in rows.items():
        known = total.get(key)
        total[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]


def _read(path: Path) -> dict[MetricKey, list[float]]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < SIZE_BYTES:
            # Its process was killed before it had made room.
            return {}
        memory = mmap.mmap(file.fileno(), SIZE_BYTES, access=mmap.ACCESS_READ)
    return dict(MmapValues(memory).rows())


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
