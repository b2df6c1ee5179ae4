"""A block store and a series store in memory, which can be slow, fail, hang and forget."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tracking_service.allocation import Allocator, Block, HighWaterMark, Lease
from tracking_service.errors import (
    ReserveEmptyError,
    SeriesClosedError,
    SeriesExhaustedError,
    StoreUnavailableError,
    UnknownSeriesError,
)
from tracking_service.numbering import Pattern
from tracking_service.numbering.builtin import ROUTED
from tracking_service.records import SeriesNotice, SeriesRecord, SpaceRecord


class FakeStore:
    """Leases serials below `end` in memory; each series has a counter of its own."""

    def __init__(self, *, block_size: int = 100, end: int = 10**12) -> None:
        self.block_size = block_size
        self.end = end
        self.counters: dict[str, int] = {}
        self.lease_count = 0
        self.tails: list[Block] = []
        """Handed back by the instance `returned_by`, and to be leased first."""
        self.returned_by = "host:8:y"
        self.closed: set[str] = set()
        """Series from which nothing is leased any more."""
        self.failure: Exception | None = None
        """What every call raises, before it does anything."""
        self.lost_acknowledgement: Exception | None = None
        """What a lease raises after it has committed."""
        self.open = threading.Event()
        """Every call hangs while it is not set."""
        self.open.set()
        self.calls: list[str] = []
        self.asked_blocks: list[int] = []
        self.fingerprints: set[str | None] = set()
        self.committed: list[Block] = []
        self.skipped: list[tuple[str, HighWaterMark, Block]] = []
        self.left_out: list[Block] = []
        self.handed_back: dict[str, tuple[Block, ...]] = {}
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with self._lock:
            self.calls.append(name)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if not self.open.wait(60):
                raise StoreUnavailableError("nobody opened the fake store")
            if self.failure is not None:
                raise self.failure
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """What a lease that changes the counters runs in."""
        yield

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        with self._call("lease"), self._alone():
            self.fingerprints.add(fingerprint)
            self.asked_blocks.append(blocks)
            if series in self.closed:
                raise SeriesClosedError.of(series)
            start = self.counters.setdefault(series, 0)
            self.lease_count += 1
            if self.tails:
                lease = Lease(
                    self.tails.pop(),
                    self.lease_count,
                    self.returned_by,
                    self.end - start,
                    self.lease_count,
                )
            elif start >= self.end:
                raise SeriesExhaustedError
            else:
                end = min(start + blocks * self.block_size, self.end)
                self.counters[series] = end
                lease = Lease(
                    Block(start, end), self.lease_count, None, self.end - end, self.lease_count
                )
            self.committed.append(lease.block)
            if self.lost_acknowledgement is not None:
                raise self.lost_acknowledgement
            return lease

    def leave_out(self, lease: Lease) -> None:
        self.left_out.append(lease.block)

    def skip_past(self, series: str, mark: HighWaterMark, refused: Block) -> None:
        with self._call("skip_past"):
            self.skipped.append((series, mark, refused))
            self.counters[series] = max(self.counters[series], mark.end)
            self.lease_count = max(self.lease_count, mark.lease_number)

    def hand_back(self, series: str, unspent: Sequence[Block]) -> int:
        with self._call("hand_back"):
            self.handed_back[series] = tuple(unspent)
            return sum(map(len, unspent))

    def ping(self) -> None:
        with self._call("ping"):
            return


class SharedStore(FakeStore):
    """A fake store whose counters are in a file, for processes that are to share a series."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            self.counters, self.lease_count = json.loads(file.read() or "[{}, 0]")
            try:
                yield
            finally:
                file.truncate(0)
                file.write(json.dumps([self.counters, self.lease_count]))
                file.flush()
                # A child that was forked in this moment has the file open, too.
                fcntl.flock(file, fcntl.LOCK_UN)


@dataclass(frozen=True)
class FakeSeries(SeriesRecord):
    """A series of routed numbers, in so far as nothing else is said."""

    number_space: str = "routed"
    pattern: Pattern = ROUTED
    key: bytes = bytes(range(32))
    block_size: int = 100
    first_serial: int = 0
    next_serial: int = 0
    end_serial: int = 10**12
    created_at: datetime = datetime(2026, 11, 24, tzinfo=UTC)


class FakeSeriesStore:
    """Knows the series that it is given."""

    def __init__(self, *series: SeriesRecord) -> None:
        self.series = {each.name: each for each in series}
        self.failure: Exception | None = None
        self.found: list[str] = []
        self.counted: list[int] = []
        """Of each look at the counters: how many serials were asked about."""

    def find(self, name: str) -> SeriesRecord:
        self.found.append(name)
        if self.failure is not None:
            raise self.failure
        if name not in self.series:
            raise UnknownSeriesError(name)
        return self.series[name]

    def spaces(self, *, after: int) -> Sequence[SpaceRecord]:
        if self.failure is not None:
            raise self.failure
        made = {each.number_space: each for each in self.series.values()}
        return [
            SpaceRecord(id, each.number_space, each.pattern, each.key)
            for id, each in enumerate(made.values(), 1)
            if id > after
        ]

    def nearest(self, number_space: str, serial: int) -> SeriesRecord | None:
        if self.failure is not None:
            raise self.failure
        below = [
            each
            for each in self.series.values()
            if each.number_space == number_space and each.first_serial <= serial
        ]
        return max(below, key=lambda each: each.first_serial, default=None)

    def count_leased(self, serials: Sequence[tuple[str, int]]) -> int:
        self.counted.append(len(serials))
        found = [(self.nearest(space, serial), serial) for space, serial in serials]
        return sum(series is not None and serial < series.next_serial for series, serial in found)

    def notices(self) -> Sequence[SeriesNotice]:
        if self.failure is not None:
            raise self.failure
        return [
            SeriesNotice(each.name, each.successor, each.closed_at is not None, each.remaining)
            for each in self.series.values()
            if each.successor is not None or each.closed_at is not None
        ]


class FakeObserver:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.leases: list[tuple[str, int]] = []
        self.failures: list[Exception] = []
        self.backwards: list[str] = []
        self.timelines: list[str] = []
        self.returned: list[tuple[str, int]] = []
        self.rounds = 0

    def leased(self, series: str, serials: int, seconds: float) -> None:
        assert seconds >= 0
        self.leases.append((series, serials))

    def lease_failed(self, error: Exception, seconds: float) -> None:
        assert seconds >= 0
        self.failures.append(error)

    def went_backwards(self, series: str) -> None:
        self.backwards.append(series)

    def new_timeline(self, series: str) -> None:
        self.timelines.append(series)

    def round_done(self) -> None:
        self.rounds += 1

    def handed_back(self, series: str, serials: int) -> None:
        self.returned.append((series, serials))


class Clock:
    """A monotonic clock that moves by hand: calling it tells the seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Jitter:
    """Draws nothing where a random number is wanted, and notes the bounds."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float]] = []

    def __call__(self, least: float, most: float) -> float:
        self.bounds.append((least, most))
        return 0.0


class InThreads:
    """Runs a function in threads, and gathers what each returned or raised."""

    def __init__(self, count: int, function: object) -> None:
        assert callable(function)
        self.results: list[object] = []
        self.errors: list[BaseException] = []
        self._function = function
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self) -> None:
        try:
            result = self._function()
        except Exception as error:  # noqa: BLE001 - it is what the test asks about
            with self._lock:
                self.errors.append(error)
        else:
            with self._lock:
                self.results.append(result)

    def join(self) -> InThreads:
        """Wait for all of them; a test must not leave one behind."""
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a thread did not come to its end"
        return self


def next_when_added(allocator: Allocator) -> int:
    """A serial, waited for where none is left."""
    while True:
        seen = allocator.changes
        try:
            return allocator.next()
        except ReserveEmptyError:
            assert allocator.wait_for_change(seen, 30, demand=1), "no block was added"
