"""The file of high-water marks: how far each series has come, whatever the database says.

A database that was restored from a backup, or a standby promoted without its last commits, would
lease the same serials again. An instance that remembers the furthest block it was ever given sees
that. The file lets it remember through a restart, and lets all instances that share the folder
warn one another.

The rule for use: read the mark, lease, compare with what was read, record the lease, look at what
neighbours have recorded since the mark was read, and only then spend. What was read had been
committed before the lease began, so an honest database cannot give less. What was recorded since
is by neighbours that leased at the same time; they raise the mark without a false alarm, but a
lease of theirs that no single history can have beside this one shows two histories. Each instance
records first and looks then, so of two at least one sees the other, in whatever order they run.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracking_service.allocation.disk import Disk
from tracking_service.allocation.lease import HighWaterMark, Lease, RecordedLease
from tracking_service.errors import HighWaterMarkError

log = logging.getLogger(__name__)

FILE = "high-water-marks.json"

FORMER_FILE = "witness.json"
"""The name before. While it is there it is read, and also written for instances of the version
before, which share the folder during an upgrade and know no other file."""

RECORDED_MOST = 64
"""Leases that a file remembers, of all its series: more than others record during one lease."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder held for one series at one moment."""

    mark: HighWaterMark
    counts: Mapping[str, int]
    """How many leases had been recorded, by the name of the file."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What one file holds. It is remembered, so nothing in it is changed."""

    marks: Mapping[str, HighWaterMark] = field(default_factory=dict)
    count: int = 0
    leases: Sequence[tuple[str, RecordedLease]] = ()
    """The last of `count` leases, with the series that each is of."""


class HighWaterMarkFile:
    """The marks of every series that the instances of one folder were given blocks of."""

    def __init__(
        self, folder: Path, *, lock_seconds: float = 1.0, disk: Disk | None = None
    ) -> None:
        """`lock_seconds`: how long a neighbour may keep the lock; it needs a few milliseconds.
        `disk` is where the folder lies, the host's own by default.
        """
        self.folder = folder
        self._lock_seconds = lock_seconds
        self._disk = disk or Disk()
        # The last text of each file, and what it says: with thousands of series that takes longer
        # to parse than to read. The text is read each time, for it alone is the truth. Used
        # without a lock: two threads at once cost one more parse.
        self._parsed: dict[Path, tuple[str, _Contents]] = {}

    @property
    def path(self) -> Path:
        """The file itself, where a link leads elsewhere."""
        return self._disk.resolve(self.folder / FILE)

    def read(self, series: str) -> Reading:
        """The mark of `series`, which is the lowest one where the series was never seen.

        Raises HighWaterMarkError where a file cannot be read, or is damaged: to go on without it
        could repeat numbers.
        """
        files = self._load_all()
        mark = HighWaterMark()
        for contents in files.values():
            mark = mark.merge(contents.marks.get(series, mark))
        return Reading(mark, {name: contents.count for name, contents in files.items()})

    def record(
        self, series: str, lease: Lease, *, instance: str, since: Reading
    ) -> list[RecordedLease] | None:
        """Record a lease of `instance` and return those that others recorded since `since`.

        On return the lease has reached the disk. None: so many were recorded since that not all
        are remembered. Raises HighWaterMarkError where the lease cannot be recorded, and then its
        block must not be used.
        """
        recorded = RecordedLease(lease.number, lease.block.start, lease.block.end, instance)
        own = self.path.with_suffix(f".{instance.replace(':', '-')}.json")
        try:
            self._disk.make_folder(self.folder)
            try:
                with self._locked() as paths:
                    self._add(paths, series, recorded, absorb=own)
                    self._disk.remove(own)
            except BlockingIOError:
                # A neighbour that is frozen would stop all others. A file of one's own needs no lock.
                log.warning(
                    "another process keeps the high-water marks locked: if it is stopped, continue"
                    " or end it",
                    extra={"file": str(self.path), "written": str(own)},
                )
                self._add([own], series, recorded)
        except OSError as error:
            raise HighWaterMarkError(f"{self.path}: {error.strerror}") from error
        return self._neighbours(series, instance, since)

    def _neighbours(self, series: str, instance: str, since: Reading) -> list[RecordedLease] | None:
        found: list[tuple[str, RecordedLease]] = []
        for name, contents in self._load_all().items():
            new = contents.count - since.counts.get(name, 0)
            if not 0 <= new <= len(contents.leases):
                return None
            # Not leases[-new:], which is all of them where new is 0.
            found += contents.leases[len(contents.leases) - new :]
        return [each for name, each in found if name == series and each.instance != instance]

    def _add(
        self,
        paths: Sequence[Path],
        series: str,
        lease: RecordedLease,
        *,
        absorb: Path | None = None,
    ) -> None:
        """Add a lease to the first of `paths`, with the leases of `absorb`, and all marks to all."""
        files = self._load_all()
        marks = _merged(files)
        marks[series] = marks.get(series, HighWaterMark()).merge(
            HighWaterMark(lease.end, lease.number)
        )
        before = files.get(paths[0].name, _Contents())
        absorbed = files[absorb.name].leases if absorb and absorb.name in files else ()
        added = [*absorbed, (series, lease)]
        leases = [*before.leases, *added][-RECORDED_MOST:]
        self._save(paths[0], _Contents(marks, before.count + len(added), leases))
        for path in paths[1:]:
            self._save(path, _Contents(marks))

    def _save(self, path: Path, contents: _Contents) -> None:
        """Replace a file whole: after a crash there is the old one or the new one."""
        text = json.dumps(_formatted(contents))
        fresh = path.with_suffix(".new")
        self._disk.write(fresh, text)
        self._disk.replace(fresh, path)
        # The rename itself must last too, or a power cut brings the old file back.
        self._disk.sync_folder(path.parent)
        self._parsed[path] = text, contents

    @contextmanager
    def _locked(self) -> Iterator[list[Path]]:
        """Keep the neighbours out of the files to be written, which this yields."""
        former = self._disk.resolve(self.folder / FORMER_FILE)
        paths = [self.path, former] if self._disk.exists(former) else [self.path]
        with ExitStack() as stack:
            for path in paths:
                lock = self._disk.lock(path.with_suffix(".lock"), seconds=self._lock_seconds)
                stack.enter_context(lock)
            yield paths

    def _load_all(self) -> dict[str, _Contents]:
        path = self.path
        beside = self._disk.find(path.parent, f"{path.stem}.*.json")
        paths = [path, *beside, self.folder / FORMER_FILE]
        for known in tuple(self._parsed):
            if known not in paths:
                self._parsed.pop(known, None)
        return {each.name: contents for each in paths if (contents := self._load(each)) is not None}

    def _load(self, path: Path) -> _Contents | None:
        try:
            text = self._disk.read(path)
        except (OSError, UnicodeDecodeError) as error:
            raise HighWaterMarkError(f"{path} cannot be read: {error}") from error
        if text is None:
            return None
        known = self._parsed.get(path)
        if known is not None and known[0] == text:
            return known[1]
        try:
            contents = _parse(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HighWaterMarkError(f"{path} is damaged") from error
        self._parsed[path] = text, contents
        return contents


def _merged(files: Mapping[str, _Contents]) -> dict[str, HighWaterMark]:
    marks: dict[str, HighWaterMark] = {}
    for contents in files.values():
        for name, mark in contents.marks.items():
            known = marks.get(name)
            marks[name] = mark if known is None else known.merge(mark)
    return marks


def _formatted(contents: _Contents) -> dict[str, Any]:
    """What `_parse` reads; without leases, as the version before wrote it."""
    series = {name: [mark.end, mark.number] for name, mark in contents.marks.items()}
    if not contents.count:
        return {"series": series}
    leases = [
        [name, each.number, each.start, each.end, each.instance] for name, each in contents.leases
    ]
    return {"series": series, "recorded": contents.count, "leases": leases}


def _parse(data: Any) -> _Contents:
    marks = {
        name: HighWaterMark(_whole(end), _whole(number))
        for name, (end, number) in data["series"].items()
    }
    leases = [
        (str(series), RecordedLease(_whole(number), _whole(start), _whole(end), str(instance)))
        for series, number, start, end, instance in data.get("leases", ())
    ]
    return _Contents(marks, _whole(data.get("recorded", 0)), leases)


def _whole(number: Any) -> int:
    if not isinstance(number, int):
        raise TypeError
    return number
