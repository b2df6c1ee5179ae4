"""The counters, histograms and gauges of a process, and the sums over all worker processes."""

import logging
import multiprocessing
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracking_service.telemetry.mmap_values import MetricKey, MmapValues, Values
from tracking_service.telemetry.multiprocess import GAUGE, WorkerFiles, add

log = logging.getLogger(__name__)

BUCKETS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds, in seconds, of a histogram's buckets; a last one without a bound follows."""

_WIDTH = len(BUCKETS) + 2


@dataclass
class Totals:
    """Rows by key. A histogram's row has a count for each bucket, then the sum in seconds."""

    counters: dict[MetricKey, list[float]] = field(default_factory=dict)
    """Summed over all processes, including those that have ended."""
    gauges: list[dict[MetricKey, list[float]]] = field(default_factory=list)
    """Of each running process; the keys begin with GAUGE."""


class Counters:
    """Counts in memory; after `share`, in a file beside those of the other worker processes.

    Its methods may be called from any number of threads.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Worker processes that share a port count in files in `folder`; without one, each alone."""
        self._folder = folder
        self._files: WorkerFiles | None = None
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin at zero with a new lock, which another thread may have held: for a fork's child."""
        if self._files is not None:
            self._files.leave()
        self._lock = threading.Lock()
        self._files = None
        self._memory = [MmapValues.private()]
        self._rows: dict[MetricKey, Values] = {}
        self.has_joined = False
        """Whether `join_workers` has been called."""

    def join_workers(self, *, multiprocess: bool) -> None:
        """Count together with the other worker processes, if some share the port.

        Called at the first request: WSGI servers say by `wsgi.multiprocess` whether there are any.
        granian does not, but starts its workers by `multiprocessing`, which this process can see.
        """
        self.has_joined = True
        several = multiprocess or multiprocessing.parent_process() is not None
        if several and self._folder is not None:
            self.share(self._folder)

    def share(self, folder: Path) -> None:
        """Count in a file in `folder` from now on; what has been counted is kept.

        If that fails, this process counts for itself: issuing matters more than metrics.
        """
        with self._lock:
            files = WorkerFiles(folder)
            try:
                values = files.new_file()
            except OSError as error:
                log.warning(
                    "metrics are of one process alone: the folder for sharing them cannot be used",
                    extra={"error": str(error)},
                )
                return
            before = self._rows
            self._files, self._memory, self._rows = files, [values], {}
            for key, row in before.items():
                self._row(key, len(row))[:] = row

    def increment(self, key: MetricKey, amount: float = 1.0) -> None:
        """Add to a counter."""
        with self._lock:
            self._row(key, 1)[0] += amount

    def observe(self, key: MetricKey, seconds: float) -> None:
        """Add one observation to a histogram."""
        with self._lock:
            row = self._rows.get(key)
            if row is None:
                row = self._row(key, _WIDTH)
            row[bisect_left(BUCKETS, seconds)] += 1.0
            row[-1] += seconds

    def set(self, key: MetricKey, values: Sequence[float]) -> None:
        """Set a row: a gauge, or a total that is counted elsewhere."""
        with self._lock:
            row = self._row(key, len(values))
            for at, value in enumerate(values):
                row[at] = value

    def totals(self) -> Totals:
        """Return the sums now; only of this process if the others' files cannot be read."""
        totals = Totals()
        for lives, rows in self._processes():
            add(totals.counters, {key: row for key, row in rows.items() if key[0] != GAUGE})
            if lives:
                totals.gauges.append({key: row for key, row in rows.items() if key[0] == GAUGE})
        return totals

    def _processes(self) -> list[tuple[bool, dict[MetricKey, list[float]]]]:
        if (files := self._files) is not None:
            try:
                return list(files.processes())
            except OSError as error:
                log.warning(
                    "metrics are of one process alone: the shared files cannot be read",
                    extra={"error": str(error)},
                )
        with self._lock:
            return [(True, {key: list(row) for key, row in self._rows.items()})]

    def _row(self, key: MetricKey, width: int) -> Values:
        """Return the row of a key; add it if there is none. Called with the lock held."""
        row = self._rows.get(key)
        if row is None:
            row = self._memory[-1].add(key, width)
            while row is None:
                self._memory.append(self._more_memory())
                row = self._memory[-1].add(key, width)
            self._rows[key] = row
        return row

    def _more_memory(self) -> MmapValues:
        if self._files is None:
            return MmapValues.private()
        try:
            return self._files.new_file()
        except OSError as error:
            log.warning(
                "some metrics are of one process alone: there is no room to share them",
                extra={"error": str(error)},
            )
            return MmapValues.private()
