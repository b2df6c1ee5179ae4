"""The files of high-water marks: how far each series has come, whatever the database says.

A database that was restored from a backup, or a standby promoted without its last commits, would
lease the same serials again. An instance that remembers the furthest block it was ever given sees
that. The files let it remember through a restart, and let all instances that share the folder
warn one another. Each series has a file of its own, so that a lease costs the same however many
there are.

The rule for use: read the mark, lease, compare with what was read, record the lease, look at what
neighbours have recorded since the mark was read, and only then spend. What was read had been
committed before the lease began, so an honest database cannot give less. What was recorded since
is by neighbours that leased at the same time; they raise the mark without a false alarm, but a
lease of theirs that no single history can have beside this one shows two histories. Each instance
records first and looks then, so of two at least one sees the other, in whatever order they run.

An instance that stops records what it hands back. So a tail that an instance of another host leased in
between, and handed back, is told from one that a neighbour still holds in another history.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

from tracking_service.allocation.block import Block
from tracking_service.allocation.disk import Disk
from tracking_service.allocation.lease import HighWaterMark, Lease, RecordedLease
from tracking_service.allocation.mark_files import Contents, MarkFiles
from tracking_service.allocation.ranges import Ranges
from tracking_service.errors import HighWaterMarkError

log = logging.getLogger(__name__)

FOLDER = "high-water-marks"

FORMER_FILES = ("high-water-marks.json", "witness.json")
"""Files of former versions, each of all series. While one is there, it is read, and also written
for instances of its version, which share the folder during an upgrade. Once an operator has moved it
into FOLDER, none of them is left, and it is only read. The second has marks alone: the version that
writes both would take leases in it, which it drops, for ones that it has missed."""

RECORDED_MOST = 64
"""Leases that a file remembers: more than others record during one lease."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files held for one series at one moment."""

    mark: HighWaterMark
    path: Path
    """The file that has the mark's end."""
    files: Mapping[Path, Contents]
    leases: Sequence[RecordedLease] = ()
    """Those of the series that the files remember."""

    def possible_holder(self, tail: Block, *, returned_by: str) -> str | None:
        """The instance that may hold serials of a tail, in another history; or None.

        It is the last one known to have leased some of them. It does not hold them if it is
        `returned_by`, the instance that handed the tail back; or if it has recorded that it handed
        them back, and `returned_by` is of another host and leased them in between.
        """
        found = [each for each in self.leases if each.overlaps(tail)]
        if not found:
            return None
        last = max(found, key=attrgetter("lease_number"))
        if last.instance == returned_by:
            return None
        # If `returned_by` leased them here, it did so before, and not in between.
        known_here = any(each.instance == returned_by for each in found)
        # Of two files that have this lease, one may not know that it was handed back.
        if not known_here and any(each == last and each.has_returned(tail) for each in found):
            return None
        return last.instance


class HighWaterMarks:
    """The marks of every series that the instances of one folder have leased from.

    A series is named `FINGERPRINT/NAME`, by its number space's key and its name.
    """

    def __init__(
        self, folder: Path, *, lock_seconds: float = 1.0, disk: Disk | None = None
    ) -> None:
        """`folder` is the one that TRACKING_STATE_DIR names, and `disk` where it lies, the host's
        own by default. `lock_seconds`: how long a neighbour may keep a lock; it needs a few
        milliseconds.
        """
        self.folder = folder
        self._lock_seconds = lock_seconds
        self._disk = disk or Disk()
        self._files = MarkFiles(self._disk)
        self._paths: dict[str, Path] = {}
        self._former = tuple(folder / name for name in FORMER_FILES)
        self._moved = tuple(folder / FOLDER / name for name in FORMER_FILES)

    def path(self, series: str) -> Path:
        """The file of a series."""
        path = self._paths.get(series)
        if path is None:
            fingerprint, _, name = series.rpartition("/")
            path = self._paths[series] = self.folder / FOLDER / f"{name}.{fingerprint}.json"
        return path

    def read(self, series: str) -> Reading:
        """The mark of `series`, which is the lowest one where the series was never seen.

        Raises HighWaterMarkError where a file cannot be read, or is damaged: to go on without it
        could repeat numbers.
        """
        files = self._load_all(series)
        mark, furthest = HighWaterMark(), self.path(series)
        for path, contents in files.items():
            found = contents.marks.get(series, mark)
            if found.end > mark.end:
                furthest = path
            mark = mark.merge(found)
        leases = [
            lease
            for contents in files.values()
            for name, lease in contents.leases
            if name == series
        ]
        return Reading(mark, furthest, files, leases)

    def record(
        self, series: str, lease: Lease, *, instance: str, since: Reading
    ) -> list[RecordedLease] | None:
        """Record a lease of `instance` and return those that others recorded since `since`.

        On return the lease has reached the disk. None: so many were recorded since that not all
        are remembered. Raises HighWaterMarkError where the lease cannot be recorded, and then its
        block must not be used.
        """
        recorded = RecordedLease(lease.lease_number, lease.block.start, lease.block.end, instance)
        path = self.path(series)
        name = instance.replace(":", "-")
        own = path.with_suffix("") / f"{name}.json"
        try:
            self._disk.make_folder(path.parent)
            # The same for an instance of the version before, which reads no other of its own.
            beside = self._disk.resolve(self._former[0]).with_suffix(f".{name}.{path.name}")
            try:
                with self._locked(path) as paths:
                    files = self._load_all(series)
                    # One that was moved away while the lock was waited for is not made anew.
                    there = [each for each in paths if each == path or each in files]
                    absorbed = files.get(own, Contents()).leases
                    self._add(there, files, series, [*absorbed, (series, recorded)])
                    self._disk.remove(own)
                    self._disk.remove(beside)
            except BlockingIOError:
                # A neighbour that is frozen would stop all others. A file of one's own needs no lock.
                log.warning(
                    "another process keeps the high-water marks locked: if it is stopped, continue"
                    " or end it",
                    extra={"file": str(path), "written": str(own)},
                )
                self._disk.make_folder(own.parent)
                written = [own, beside] if self._disk.exists(self._former[0]) else [own]
                self._add(written, self._load_all(series), series, [(series, recorded)])
        except OSError as error:
            raise HighWaterMarkError(f"{path}: {error.strerror}") from error
        return self.recorded_since(since, series, instance=instance)

    def record_hand_back(self, series: str, unspent: Sequence[Block], *, instance: str) -> None:
        """Record that `instance` will never spend `unspent`, for those that are given it later.

        Call it once nothing of `unspent` can be spent any more. It goes to the leases that the
        series' own file remembers. Raises HighWaterMarkError; what is not recorded is in doubt.
        """
        path = self.path(series)
        ranges = Ranges()
        for block in sorted(unspent):
            ranges.add(block)
        try:
            if not self._disk.exists(path):
                return
            with self._disk.lock(path.with_suffix(".lock"), seconds=self._lock_seconds):
                before = self._files.load(path) or Contents()
                leases = [
                    (name, _returned(each, ranges) if each.instance == instance else each)
                    for name, each in before.leases
                ]
                # By identity, for leases that differ in this alone are equal.
                if any(a is not b for (_, a), (_, b) in zip(leases, before.leases, strict=True)):
                    self._files.save(path, Contents(before.marks, before.count, leases))
        except OSError as error:
            raise HighWaterMarkError(f"{path}: {error.strerror}") from error

    def recorded_since(
        self, since: Reading, series: str, *, instance: str
    ) -> list[RecordedLease] | None:
        """The leases that others than `instance` have recorded since `since`.

        None: so many that not all are remembered. Raises HighWaterMarkError.
        """
        found: list[tuple[str, RecordedLease]] = []
        for path, contents in self._load_all(series).items():
            before = since.files.get(path, Contents())
            if not 0 <= contents.count - before.count <= len(contents.leases):
                return None
            # Not the last so many: a file of one instance may have been removed, and begun again.
            known = set(before.leases)
            found += [each for each in contents.leases if each not in known]
        return [each for name, each in found if name == series and each.instance != instance]

    def _add(
        self,
        paths: Sequence[Path],
        files: Mapping[Path, Contents],
        series: str,
        leases: Sequence[tuple[str, RecordedLease]],
    ) -> None:
        """Add leases to each of `paths`, with the mark that they and all `files` make."""
        mark = HighWaterMark()
        for contents in files.values():
            mark = mark.merge(contents.marks.get(series, mark))
        for _, lease in leases:
            mark = mark.merge(HighWaterMark(lease.end, lease.lease_number))
        marks_alone = self._disk.resolve(self._former[1])
        for path in paths:
            before = files.get(path, Contents())
            contents = Contents({**before.marks, series: mark})
            if path != marks_alone:
                # A record that failed late is tried again, and is to push out no other.
                new = [each for each in leases if each not in before.leases]
                kept = [*before.leases, *new][-RECORDED_MOST:]
                contents = Contents(contents.marks, before.count + len(new), kept)
            self._files.save(path, contents)

    @contextmanager
    def _locked(self, path: Path) -> Iterator[list[Path]]:
        """Keep neighbours out of the files to be written, which this yields: a series' own first."""
        former = [each for each in self._former if self._disk.exists(each)]
        paths = [path, *map(self._disk.resolve, former)]
        with ExitStack() as stack:
            for each in paths:
                lock = self._disk.lock(each.with_suffix(".lock"), seconds=self._lock_seconds)
                stack.enter_context(lock)
            yield paths

    def _load_all(self, series: str) -> dict[Path, Contents]:
        path = self.path(series)
        try:
            own = self._disk.find(path.with_suffix(""), "*.json")
            former = [self._disk.resolve(each) for each in self._former]
            beside = self._disk.find(former[0].parent, f"{former[0].stem}.*.json")
        except OSError as error:
            raise HighWaterMarkError(f"{self.folder} cannot be read: {error}") from error
        # Each before the file that it goes into, or is moved to: what is not there any more has
        # gone there, and is read with it.
        loaded = {each: self._files.load(each) for each in (*own, path)}
        of_many = (*beside, *former, *self._moved)
        loaded |= {each: self._files.load(each, of_many=True) for each in of_many}
        return {each: contents for each, contents in loaded.items() if contents is not None}


def _returned(lease: RecordedLease, unspent: Ranges) -> RecordedLease:
    """A lease, with what lies at its end of `unspent`: the rest of it can be handed back."""
    for block in unspent:
        if lease.end - 1 in block:
            return replace(lease, returned_from=max(lease.start, block.start))
    return lease
