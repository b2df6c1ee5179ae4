"""A process that leases, for tests in which several do so at once.

    python -m tests.support.lease_worker URL SERIES COUNT

It says `ready`, waits for a line on its standard input, leases COUNT times one block, and prints
a line of JSON: what it was given, as [start, end) pairs. `create` in place of SERIES makes COUNT
series instead, and prints their ranges.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.support.commands import ROOT, environment
from tests.support.stores import Stores
from tracking_service.issuing import instance_name

MODULE = "tests.support.lease_worker"
CREATE = "create"


def run(url: str, series: str, count: int) -> list[tuple[int, int]]:
    """Lease, or create, once the starting signal has come."""
    with Stores(url) as stores:
        store = stores.store(instance_name())
        # So that all begin alike: what a process loads at first use is loaded now.
        stores.catalogue.all()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        if series == CREATE:
            made = [
                stores.create(f"s{index}-{instance_name().rpartition(':')[2]}", serials=7)
                for index in range(count)
            ]
            return [(record.first_serial, record.end_serial) for record in made]
        blocks = [store.lease(series, 1).block for _ in range(count)]
        return [(block.start, block.end) for block in blocks]


def all_at_once(url: str, series: str, count: int, *, processes: int) -> list[tuple[int, int]]:
    """Run so many of these processes together; return what all were given.

    Raises RuntimeError, with what the process said, where one fails.
    """
    command: Sequence[str] = [sys.executable, "-m", MODULE, url, series, str(count)]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    given: list[tuple[int, int]] = []
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            out, err = process.communicate(timeout=60)
            if process.returncode:
                raise RuntimeError(f"a process ended with {process.returncode}:\n{err}")
            given += [(start, end) for start, end in json.loads(out)]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return given


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))) + "\n")
