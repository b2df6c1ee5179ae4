"""The witness: a file that remembers how far each series has come, whatever the database says.

A database that was restored from a backup, or a standby promoted without its last commits, would
lease the same serials again. An instance that remembers the furthest block it was ever given sees
that. The file lets it remember through a restart, and lets all instances that share the folder
warn one another.

The rule for use: read the mark, lease, compare with what was read, record, and only then spend.
What was read had been committed before the lease began, so an honest database cannot give less;
the lease of a neighbour that runs at the same time is not in it, and raises no false alarm.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracking_service import file_locks
from tracking_service.allocation.lease import Mark
from tracking_service.errors import WitnessError

LOCK_SECONDS = 5.0
"""How long a neighbour may keep the file; it needs a few milliseconds."""


class Witness:
    """The marks of every series that the instances of one folder were given blocks of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "witness.json"

    def read(self, series: str) -> Mark:
        """The mark of `series`, or the lowest one where it was never seen.

        Raises WitnessError where the file cannot be read, or is damaged: to go on without it
        could repeat numbers.
        """
        marks = self._load()
        return Mark(*marks[series]) if series in marks else Mark()

    def record(self, series: str, mark: Mark) -> None:
        """Raise the mark of `series`; on return it has reached the disk.

        Raises WitnessError where that fails, and then the block must not be used.
        """
        try:
            with self._alone():
                marks = self._load()
                known = Mark(*marks[series]) if series in marks else Mark()
                joined = known.joined(mark)
                # Also where a neighbour has come further: it may have died before its fsync.
                self._save(marks | {series: [joined.end, joined.number]})
        except OSError as error:
            raise WitnessError(f"{self._path}: {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the neighbours out while the file is read, joined and replaced."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "witness.lock").open("w") as lock:
            file_locks.lock(lock, fcntl.LOCK_EX, seconds=LOCK_SECONDS)
            try:
                yield
            finally:
                # Closing is not enough: a child forked in this moment has the file open as well.
                fcntl.flock(lock, fcntl.LOCK_UN)

    def _load(self) -> dict[str, list[int]]:
        try:
            text = self._path.read_text(encoding="ascii")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise WitnessError(f"{self._path} cannot be read: {error}") from error
        try:
            marks: dict[str, Any] = json.loads(text)["series"]
            for end, number in marks.values():
                if not (isinstance(end, int) and isinstance(number, int)):
                    raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WitnessError(f"{self._path} is damaged") from error
        return marks

    def _save(self, marks: dict[str, list[int]]) -> None:
        """Replace the file whole: after a crash there is the old one or the new one."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            json.dump({"series": marks}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            # The rename itself must last too, or a power cut brings the old file back.
            os.fsync(folder)
        finally:
            os.close(folder)
