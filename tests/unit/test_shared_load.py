"""A measurement counts only if the workers of a server shared it, where they can."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from benchmarks import workers
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    "worked, even",
    [({}, True), ({1: 4.0, 2: 2.0}, True), ({1: 4.0, 2: 0.1}, False), ({1: 3.0}, True)],
)
def test_a_load_is_shared_if_the_idlest_did_half_of_its_part(
    worked: dict[int, float], even: bool
) -> None:
    before = dict.fromkeys(worked, 5.0)
    after = {pid: 5.0 + seconds for pid, seconds in worked.items()}

    assert even == workers.is_even(before, after)


class Worked:
    """Workers whose processor times rise by as much as each measurement is said to take."""

    def __init__(self, *rises: dict[int, float]) -> None:
        self._rises = list(rises)
        self._times = {1: 10.0, 2: 20.0}
        self.measured = 0

    def measure(self) -> float:
        for pid, seconds in self._rises[min(self.measured, len(self._rises) - 1)].items():
            self._times[pid] += seconds
        self.measured += 1
        return float(self.measured)

    def busy_seconds(self, _pid: int) -> dict[int, float]:
        return dict(self._times)


@pytest.mark.parametrize(
    "rises, counted",
    [
        ([{1: 2.0, 2: 3.0}], 1),
        ([{1: 0.1, 2: 4.0}, {1: 4.0, 2: 0.1}, {1: 2.0, 2: 2.0}], 3),
        ([{1: 0.1, 2: 4.0}], workers.TRIES),
    ],
    ids=["shared at once", "shared at last", "never shared"],
)
def test_what_one_worker_did_alone_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, rises: list[dict[int, float]], counted: int
) -> None:
    worked = Worked(*rises)
    monkeypatch.setattr(workers, "busy_seconds", worked.busy_seconds)

    assert float(counted) == workers.shared(7, worked.measure)
    assert counted == worked.measured


def test_the_workers_of_a_server_are_its_child_processes() -> None:
    spin = "while True: pass"
    with subprocess.Popen([sys.executable, "-c", spin]) as child:
        try:
            wait_until(
                lambda: workers.busy_seconds(os.getpid()).get(child.pid, 0.0) > 0.05,
                seconds=20,
                what="the child to have worked",
            )
        finally:
            child.kill()


def test_the_tracker_of_spawned_workers_is_none_of_them() -> None:
    before = workers.busy_seconds(os.getpid())
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=time.sleep, args=(10,))
    worker.start()
    try:
        assert {worker.pid} == workers.busy_seconds(os.getpid()).keys() - before.keys()
    finally:
        worker.kill()
        worker.join()
