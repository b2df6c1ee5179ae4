"""Whether the worker processes of a server shared the load of a measurement.

Workers that wait on one socket take new connections as they wake up. At times one takes all of
them, and keeps them while the others idle. Such a measurement tells of that, and nothing of the
application behind it, so it is made again: for every peer alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psutil

TRIES = 5
"""Measurements at the most, of which the last counts however it was shared."""

LEAST_PART = 0.5
"""What the idlest worker must have worked, of an equal share."""


def shared(pid: int, measure: Callable[[], float]) -> float:
    """What `measure` returns, once the workers of the server `pid` shared the load."""
    for _ in range(TRIES):
        before = busy_seconds(pid)
        measured = measure()
        if is_even(before, busy_seconds(pid)):
            break
    return measured


def busy_seconds(pid: int) -> dict[int, float]:
    """Processor time of each worker so far, by its pid; empty for a server without any."""
    found = {}
    for worker in psutil.Process(pid).children():
        try:
            # A server that spawns its workers has this one beside them, which serves nobody.
            if any("multiprocessing.resource_tracker" in part for part in worker.cmdline()):
                continue
            times = worker.cpu_times()
        except psutil.NoSuchProcess:  # replaced in this moment
            continue
        found[worker.pid] = times.user + times.system
    return found


def is_even(before: Mapping[int, float], after: Mapping[int, float]) -> bool:
    """Whether every worker did LEAST_PART of an equal share, between two `busy_seconds`."""
    worked = [seconds - before.get(pid, 0.0) for pid, seconds in after.items()]
    return not worked or min(worked) >= LEAST_PART * sum(worked) / len(worked)
