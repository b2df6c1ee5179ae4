"""Buffers against a fleet that is broken under them: `make buffer` is the long form.

On one PostgreSQL are three workers of gunicorn, each an instance, and one of `flask serve`. One of
these is killed each second and replaced, and the database is stopped for a while. BUFFER_NUMBERS
says how many numbers are taken.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.faults.apps.buffered_callers import CALLERS, CHILDREN
from tests.support import processes
from tests.support.commands import ROOT, environment, migrate
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance
from tests.support.ledger import Ledger
from tests.support.oracle import duplicates
from tests.support.ports import HOST
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

INSTANCES = 4
KILL_SECONDS = 1.0
SERVE_EACH = 10
"""Every so many kills, that of `flask serve`."""
# The app is made before the fork, so that a new worker is there at once.
GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "--no-control-socket", "--preload", "--threads=4"),
    *(f"--workers={INSTANCES - 1}", f"--bind={HOST}:{{port}}", "wsgi:app"),
)


@dataclass(frozen=True)
class Plan:
    """What the callers take, and for how long the database is stopped; times in seconds."""

    numbers: int
    rate: float
    size: int
    away: float
    at_most: float
    """For the callers; then they are ended."""


LONG = Plan(numbers=1_000_000, rate=5000, size=20_000, away=60, at_most=540)


@dataclass
class Seen:
    """What came of it; `slowest` and `seconds`, for which instances were killed, in seconds."""

    processes: int
    numbers: list[str]
    errors: list[str]
    slowest: float
    kills: int
    seconds: float
    unrecorded: list[str]

    def fault(self, plan: Plan) -> str | None:
        """What is wrong, or None."""
        if twice := duplicates(self.numbers):
            return f"{len(twice)} numbers came twice: {sorted(twice)[:5]}"
        if self.errors:
            return f"{len(self.errors)} calls failed: {self.errors[:3]}"
        if self.unrecorded:
            return f"{len(self.unrecorded)} numbers lie in no block that was leased"
        if self.kills < 0.9 * self.seconds / KILL_SECONDS:
            return f"{self.kills} kills in {self.seconds:.0f} seconds are too few"
        if self.processes != CHILDREN + 1 or len(self.numbers) != plan.numbers // CALLERS * CALLERS:
            return f"{len(self.numbers)} numbers came to {self.processes} processes"
        return None


class Killer:
    """Kills an instance each second: the oldest of gunicorn's workers, which are forked anew.

    `flask serve`, which takes a moment to start, is killed every `SERVE_EACH` seconds, but for as
    long as it is spared.
    """

    def __init__(self, workers: Instance, server: Instance) -> None:
        self.kills = 0
        self.seconds = 0.0
        self.spared = threading.Event()
        """Whether `flask serve` is to live: somebody has to have a reserve for the outage."""
        self._workers = workers
        self._server = server
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._starting: threading.Thread | None = None
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        for due in count(1):
            if self._stopped.wait(max(0.0, began + due * KILL_SECONDS - time.monotonic())):
                break
            killed = self._kill_server() if due % SERVE_EACH == 0 else False
            self.kills += killed or self._kill_worker()
        self.seconds = time.monotonic() - began

    def _kill_worker(self) -> bool:
        workers = processes.family(self._workers.pid)[1:]
        if not workers:
            return False
        oldest = min(workers, key=lambda worker: worker.create_time())
        oldest.kill()
        return True

    def _kill_server(self) -> bool:
        if self.spared.is_set() or (self._starting and self._starting.is_alive()):
            return False
        self._server.kill()
        self._starting = threading.Thread(target=self._server.start, daemon=True)
        self._starting.start()
        return True

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)
        if self._starting:
            self._starting.join(30)


@contextmanager
def killing(workers: Instance, server: Instance) -> Iterator[Killer]:
    killer = Killer(workers, server)
    try:
        yield killer
    finally:
        killer.stop()


def run(server: PostgresServer, plan: Plan) -> Seen:
    """Let the callers take their numbers from the database `tracking` of `server`, at head."""
    env = {"DATABASE_URL": server.url("tracking"), "TRACKING_DATABASE_TIMEOUT_SECONDS": "1"}
    with (
        tempfile.TemporaryDirectory(prefix="tracking-buffer-") as name,
        Instance(env, command=GUNICORN) as workers,
        Instance(env) as single,
    ):
        for each in (workers, single):
            wait_until_ready(each)
        arguments = [name, str(plan.numbers), str(plan.rate), str(plan.size)]
        # From 3.12 Python warns of a fork amid threads, which is what is tried here.
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m"]
        callers = subprocess.Popen(
            [*command, "tests.faults.apps.buffered_callers", *arguments, workers.url, single.url],
            cwd=ROOT,
            env=environment(),
            # So that all of them can be ended, the forked ones too.
            start_new_session=True,
        )
        try:
            with killing(workers, single) as killer:
                killer.spared.set()
                _outage(server, plan)
                killer.spared.clear()
                callers.wait(timeout=plan.at_most)
        finally:
            if callers.poll() is None:
                os.killpg(callers.pid, 9)
                callers.wait()
        files = [json.loads(path.read_text()) for path in Path(name).iterdir()]
    numbers = [number for file in files for number in file["numbers"]]
    return Seen(
        processes=len(files),
        numbers=numbers,
        errors=[error for file in files for error in file["errors"]],
        slowest=max((file["slowest"] for file in files), default=0.0),
        kills=killer.kills,
        seconds=killer.seconds,
        unrecorded=Ledger.read(server.url("tracking")).unrecorded(numbers),
    )


def _outage(server: PostgresServer, plan: Plan) -> None:
    """Stop the database when a tenth of the callers' time is over, and start it again."""
    _let_pass(0.1 * plan.numbers / plan.rate)
    server.stop("immediate")
    _let_pass(plan.away)
    server.start()


def _let_pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds=seconds + 5, what="the end", pause=0.05)


def main() -> int:
    numbers = int(os.environ.get("BUFFER_NUMBERS") or LONG.numbers)
    plan = Plan(numbers, LONG.rate, LONG.size, LONG.away, LONG.at_most)
    with PostgresServer.create() as server:
        server.create_database("tracking")
        migrate(server.url("tracking"))
        began = time.monotonic()
        seen = run(server, plan)
        took = time.monotonic() - began
    sys.stdout.write(
        f"{len(seen.numbers):,} numbers in {took:.0f} s to {seen.processes} processes;"
        f" {INSTANCES} instances, {seen.kills} kills in {seen.seconds:.0f} s, database stopped for {plan.away:g} s;"
        f" {os.cpu_count()} CPUs, Python {platform.python_version()}\n"
        f"errors {len(seen.errors)}, numbers twice {len(duplicates(seen.numbers))},"
        f" slowest call {seen.slowest:.3f} s\n"
    )
    if fault := seen.fault(plan):
        sys.stdout.write(f"{fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
