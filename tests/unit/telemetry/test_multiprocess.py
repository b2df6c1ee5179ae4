"""Counting in files beside one another: sums, the living, the dead, and what is cleaned up."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.exposition import read, total, value
from tracking_service.telemetry import multiprocess
from tracking_service.telemetry.counters import BUCKETS, Counters
from tracking_service.telemetry.exposition import REQUESTS
from tracking_service.telemetry.metrics import Metrics
from tracking_service.telemetry.multiprocess import GAUGE, WorkerFiles
from tracking_service.telemetry.state import InstanceState, SeriesState


class Worker:
    """The counters of one process. To the kernel a lock belongs to an open file, not to a process, so
    several of them can live in one.
    """

    def __init__(self, folder: Path) -> None:
        self.counters = Counters()
        self.counters.share(folder)

    def die(self) -> None:
        self.counters.reset_after_fork()

    def count(self, name: str = "a") -> float:
        return self.counters.totals().counters[(name,)][0]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    made: list[Worker] = []

    def make() -> Worker:
        made.append(Worker(tmp_path / "metrics"))
        return made[-1]

    yield make
    for each in made:
        each.die()


def files(folder: Path) -> list[Path]:
    return sorted((folder / "metrics").glob("*.cells"))


def test_each_tells_the_sum_of_all(worker: Callable[[], Worker]) -> None:
    first, second = worker(), worker()
    first.counters.increment(("a",), 2)
    second.counters.increment(("a",), 3)
    second.counters.increment(("b",), 1)

    assert 5 == first.count() == second.count()
    assert 1 == first.count("b")


def test_what_was_counted_before_goes_along(tmp_path: Path) -> None:
    counters = Counters()
    counters.increment(("a",), 7)
    counters.observe(("h",), 0.2)
    before = counters.totals()
    counters.share(tmp_path)

    assert before == counters.totals()
    counters.increment(("a",))
    assert 8 == counters.totals().counters[("a",)][0]
    counters.reset_after_fork()


def test_the_counts_of_the_dead_stay_and_their_state_goes(worker: Callable[[], Worker]) -> None:
    living, dying = worker(), worker()
    for each in (living, dying):
        each.counters.increment(("a",))
        each.counters.set((GAUGE, "x"), [1.0])
    assert 2 == len(living.counters.totals().gauges)
    dying.die()
    totals = living.counters.totals()

    assert [2.0] == totals.counters[("a",)]
    assert [{(GAUGE, "x"): [1.0]}] == totals.gauges


def test_the_files_of_the_dead_do_not_pile_up(worker: Callable[[], Worker], tmp_path: Path) -> None:
    living = worker()
    for _ in range(20):
        dying = worker()
        dying.counters.increment(("a",))
        dying.counters.observe(("h",), 0.01)
        dying.die()

    assert 20 == living.count()
    assert 20 == sum(living.counters.totals().counters[("h",)][:-1])
    assert len(files(tmp_path)) <= 4


def test_a_group_of_which_nobody_lives_is_removed(
    worker: Callable[[], Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getppid()
    monkeypatch.setattr(os, "getppid", lambda: parent + 1)
    dead = worker()
    dead.counters.increment(("a",), 100)
    dead.die()
    living_elsewhere = worker()
    living_elsewhere.counters.increment(("a",), 10)
    monkeypatch.setattr(os, "getppid", lambda: parent + 2)
    gone = worker()
    gone.die()
    monkeypatch.undo()
    here = worker()
    here.counters.increment(("a",))

    assert 1 == here.count()
    assert 110 == living_elsewhere.count()
    assert not [path for path in files(tmp_path) if f".{parent + 2}." in path.name]


def described(folder: Path, *, namespace: str, started: int) -> Path:
    """A /proc in which this process's parent has a namespace and a start of its own."""
    stat = folder / str(os.getppid()) / "stat"
    stat.parent.mkdir(parents=True)
    fields = " ".join(str(started if number == 22 else number) for number in range(3, 53))
    stat.write_text(f"{os.getppid()} (a (strange) name) {fields}\n")
    (folder / "self" / "ns").mkdir(parents=True)
    (folder / "self" / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
    return folder


@pytest.mark.parametrize(
    "other, expected",
    [
        ({"namespace": "1", "started": 100}, 2),
        # Two containers of one host name: the parent has the same pid in each.
        ({"namespace": "2", "started": 100}, 1),
        # A server whose pid was another one's before.
        ({"namespace": "1", "started": 101}, 1),
    ],
)
def test_servers_whose_pid_is_the_same_are_not_counted_together(
    tmp_path: Path, other: dict[str, Any], expected: int
) -> None:
    first = described(tmp_path / "first", namespace="1", started=100)
    second = described(tmp_path / "second", **other)
    groups = [WorkerFiles(tmp_path / "metrics", proc=proc) for proc in (first, second)]
    for group in groups:
        group.new_file()

    assert [expected, expected] == [len(list(group.processes())) for group in groups]
    for group in groups:
        group.leave()


def test_where_nothing_is_told_of_processes_a_pid_is_enough(tmp_path: Path) -> None:
    groups = [WorkerFiles(tmp_path / "metrics", proc=tmp_path / "none") for _ in range(2)]
    for group in groups:
        group.new_file()

    assert [2, 2] == [len(list(group.processes())) for group in groups]
    for group in groups:
        group.leave()


def test_a_file_that_is_full_is_followed_by_another(
    worker: Callable[[], Worker], tmp_path: Path
) -> None:
    first, second = worker(), worker()
    keys = [(f"series-{number}",) for number in range(5000)]
    for key in keys:
        first.counters.increment(key)

    assert {key: [1.0] for key in keys} == second.counters.totals().counters
    assert len(files(tmp_path)) > 2


def test_where_files_cannot_be_made_a_process_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    counters = Counters()
    counters.increment(("a",))
    counters.share(tmp_path / "file")
    counters.increment(("a",))

    assert [2.0] == counters.totals().counters[("a",)]
    assert ["metrics are of one process alone: the folder for sharing them cannot be used"] == [
        record.getMessage() for record in caplog.records
    ]


def test_where_the_folder_is_taken_away_a_process_tells_of_itself(
    worker: Callable[[], Worker], tmp_path: Path
) -> None:
    lonely = worker()
    lonely.counters.increment(("a",))
    for path in (tmp_path / "metrics").iterdir():
        path.unlink()
    (tmp_path / "metrics").rmdir()

    assert 1 == lonely.count()


def test_a_sibling_that_is_frozen_with_the_folder_stops_nobody_from_counting(
    worker: Callable[[], Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocess, "LOCK_SECONDS", 0.05)
    first = worker()
    with (tmp_path / "metrics" / "lock").open("ab") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        second = worker()
        for each in (first, second):
            each.counters.increment(("a",), 2)

        assert 2 == first.count() == second.count()


def test_a_sibling_that_was_killed_before_its_file_had_room_is_left_out(
    worker: Callable[[], Worker], tmp_path: Path
) -> None:
    first = worker()
    first.counters.increment(("a",), 2)
    (own,) = files(tmp_path)
    own.with_name(own.name.replace(".cells", "x.cells")).touch()

    assert 2 == first.count()


def test_nothing_is_lost_between_threads(worker: Callable[[], Worker]) -> None:
    shared = worker()

    def count() -> None:
        for _ in range(2000):
            shared.counters.increment(("a",))
            shared.counters.observe(("h",), 0.5)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 16_000 == shared.count()
    assert 16_000 == sum(shared.counters.totals().counters[("h",)][:-1])
    assert 8_000 == shared.counters.totals().counters[("h",)][-1]


def test_several_processes_are_told_as_one(tmp_path: Path) -> None:
    states = [
        InstanceState("up", (SeriesState("default", 10, 100, 1.0, 500),)),
        InstanceState("away", (SeriesState("default", 20, 300, 10.0, 400),)),
        InstanceState("unknown", ()),
    ]
    workers = [Counters(tmp_path) for _ in states]
    for counters, state in zip(workers, states, strict=True):
        metrics = Metrics(counters)
        metrics.watch(lambda state=state: state)  # type: ignore[misc]
        counters.join_workers(multiprocess=True)
        counters.observe((REQUESTS, "/", "200"), 0.1)
        metrics.round_done()
    told = read(Metrics(workers[0]).render()[0])

    assert 3 == value(told, "tracking_processes")
    assert 3 == total(told, "tracking_http_requests_total")
    assert 30 == value(told, "tracking_issued_numbers_total", series="default")
    assert 400 == value(told, "tracking_reserve_serials")
    assert 30.0 == value(told, "tracking_reserve_seconds")
    assert 400 == value(told, "tracking_series_remaining_serials")
    assert 0 == value(told, "tracking_database_up")
    for counters in workers:
        counters.reset_after_fork()


def test_a_process_alone_makes_no_file(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "metrics")
    counters.join_workers(multiprocess=False)
    counters.observe((REQUESTS, "/", "200"), 0.1)

    assert [] == list(tmp_path.iterdir())
    assert 1 == total(read(Metrics(counters).render()[0]), "tracking_http_requests_total")


def test_buckets_rise() -> None:
    assert sorted(set(BUCKETS)) == list(BUCKETS)
