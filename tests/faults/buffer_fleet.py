"""Buffers against a fleet that is broken under them: `make buffer` is the long form.

Of `INSTANCES` instances on one PostgreSQL one is killed each second and started again, the last one
excepted, and the database is stopped for a while. BUFFER_NUMBERS says how many numbers are taken.
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
from itertools import cycle
from pathlib import Path

from tests.faults.apps.buffered_callers import CALLERS, CHILDREN
from tests.support.commands import ROOT, environment, migrate
from tests.support.fleet import Fleet
from tests.support.ledger import Ledger
from tests.support.oracle import duplicates
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

INSTANCES = 4
KILL_SECONDS = 1.0


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
    """What came of it; `slowest` in seconds."""

    processes: int
    numbers: list[str]
    errors: list[str]
    slowest: float
    kills: int
    unrecorded: list[str]

    def fault(self, plan: Plan) -> str | None:
        """What is wrong, or None."""
        if twice := duplicates(self.numbers):
            return f"{len(twice)} numbers came twice: {sorted(twice)[:5]}"
        if self.errors:
            return f"{len(self.errors)} calls failed: {self.errors[:3]}"
        if self.unrecorded:
            return f"{len(self.unrecorded)} numbers lie in no block that was leased"
        if self.processes != CHILDREN + 1 or len(self.numbers) != plan.numbers // CALLERS * CALLERS:
            return f"{len(self.numbers)} numbers came to {self.processes} processes"
        return None


class Killer:
    """Kills an instance each second, in turn, and starts it again beside."""

    def __init__(self, fleet: Fleet) -> None:
        self.kills = 0
        self._victims = cycle(fleet.instances[:-1])
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._starts: list[threading.Thread] = []
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(KILL_SECONDS):
            victim = next(self._victims)
            # One that has not come up again yet was killed a moment ago.
            if not victim.running or any(
                start.is_alive() and start.name == victim.url for start in self._starts
            ):
                continue
            victim.kill()
            self.kills += 1
            start = threading.Thread(target=victim.start, name=victim.url, daemon=True)
            start.start()
            self._starts.append(start)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(10)
        for start in self._starts:
            start.join(30)


@contextmanager
def killing(fleet: Fleet) -> Iterator[Killer]:
    killer = Killer(fleet)
    try:
        yield killer
    finally:
        killer.stop()


def run(server: PostgresServer, plan: Plan) -> Seen:
    """Let the callers take their numbers from the database `tracking` of `server`, at head."""
    with (
        tempfile.TemporaryDirectory(prefix="tracking-buffer-") as name,
        Fleet(server.url("tracking"), INSTANCES, TRACKING_DATABASE_TIMEOUT_SECONDS="1") as fleet,
    ):
        urls = [instance.url for instance in fleet]
        arguments = [name, str(plan.numbers), str(plan.rate), str(plan.size), *urls]
        # From 3.12 Python warns of a fork amid threads, which is what is tried here.
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m"]
        callers = subprocess.Popen(
            [*command, "tests.faults.apps.buffered_callers", *arguments],
            cwd=ROOT,
            env=environment(),
            # So that all of them can be ended, the forked ones too.
            start_new_session=True,
        )
        try:
            with killing(fleet) as killer:
                _outage(server, plan)
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
        f" {INSTANCES} instances, {seen.kills} kills, database stopped for {plan.away:g} s;"
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
