"""Processes that lease at once, for tests in which several do so.

    python -m tests.support.lease_worker URL SERIES COUNT PROCESSES

Forks the processes before anything is connected; when all have looked into the database, each
leases COUNT times one block. Prints a line of JSON: what all were given, as [start, end) pairs.
`create` in place of SERIES makes COUNT series each instead, and prints their ranges.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier

from tests.support.commands import ROOT, environment
from tests.support.stores import Stores
from tracking_service.instance.process import instance_name

MODULE = "tests.support.lease_worker"
CREATE = "create"
SECONDS = 60.0

_together: list[Barrier] = []


def lease(url: str, series: str, count: int) -> list[tuple[int, int]]:
    """Lease, or create, as soon as all the other processes are ready to."""
    with Stores(url) as stores:
        store = stores.store(instance_name())
        stores.series.all()
        _together[0].wait(SECONDS)
        if series == CREATE:
            names = [f"s{index}-{instance_name().rpartition(':')[2]}" for index in range(count)]
            made = [stores.create(name, serials=7) for name in names]
            return [(record.first_serial, record.end_serial) for record in made]
        blocks = [store.lease(series, 1).block for _ in range(count)]
        return [(block.start, block.end) for block in blocks]


def run(url: str, series: str, count: int, processes: int) -> list[tuple[int, int]]:
    """What all of so many processes were given."""
    context = multiprocessing.get_context("fork")
    _together.append(context.Barrier(processes))
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(lease, url, series, count) for _ in range(processes)]
        return [pair for future in futures for pair in future.result(SECONDS)]


def all_at_once(url: str, series: str, count: int, *, processes: int) -> list[tuple[int, int]]:
    """Run this module; RuntimeError, with what it said, where one of the processes fails."""
    done = subprocess.run(
        [sys.executable, "-m", MODULE, url, series, str(count), str(processes)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=2 * SECONDS - 10,
    )
    if done.returncode:
        raise RuntimeError(f"the processes ended with {done.returncode}:\n{done.stderr}")
    return [(start, end) for start, end in json.loads(done.stdout)]


if __name__ == "__main__":
    given = run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(json.dumps(given) + "\n")
