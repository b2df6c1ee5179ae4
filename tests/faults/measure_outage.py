"""`make outage`: how callers fare while the database is stopped, beside the minute before.

Two instances on one PostgreSQL, 500 requests a second in all, sent at fixed moments whatever the
answers do; a latency counts from the moment at which the request was due. OUTAGE_SECONDS sets the
length of both halves. Exits 0 where no request failed, and the p99 of the outage is within 1.5
times that of the time before.
"""

from __future__ import annotations

import os
import platform
import sys
import time

from tests.support.commands import migrate
from tests.support.fleet import Fleet, wait_for_reserve
from tests.support.ledger import judge
from tests.support.load import Load
from tests.support.oracle import Verdict
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

RATE = 500.0
CLIENTS = 8
WARM_UP_SECONDS = 5.0
DEFAULT_SECONDS = 60.0
# Milliseconds. What lies below cannot be told from the noise of a machine.
PERCENTILES = (50, 90, 99, 99.9)
ACCEPTED_RATIO = 1.5


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def let_pass(seconds: float) -> float:
    """Wait so long while the load goes on; return the moment of the end."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds=seconds + 5, what="the end", pause=0.05)
    return end


def measure(seconds: float) -> bool:
    with PostgresServer.create() as server:
        server.create_database("tracking")
        url = server.url("tracking")
        migrate(url)
        with Fleet(url, 2) as fleet:
            load = Load(fleet.addresses, clients=CLIENTS, rate=RATE, at_most=2 * seconds + 120)
            with load:
                began = let_pass(WARM_UP_SECONDS)
                for instance in fleet:
                    wait_for_reserve(instance, 1.5 * seconds)
                before = load.history.verdict()
                stop_at = let_pass(began + seconds - time.monotonic())
                calm = load.history.verdict()
                server.stop("immediate")
                start_at = let_pass(stop_at + seconds - time.monotonic())
                outage = load.history.verdict()
                server.start()
                load.wait_for(500)
            judgement = judge(load.history, url)
    halves = {"before": (began, stop_at), "outage": (stop_at, start_at)}
    figures = {
        name: [
            1000 * load.percentile(percent, after=after, before=until) for percent in PERCENTILES
        ]
        for name, (after, until) in halves.items()
    }
    say(
        f"two instances, {RATE:g} requests a second, {CLIENTS} clients, database stopped for"
        f" {seconds:g} s; {os.cpu_count()} CPUs, Python {platform.python_version()}"
    )
    header = "".join(f"{f'p{percent:g} ms':>12}" for percent in PERCENTILES)
    say(f"{'':<10}{'requests':>10}{'failed':>8}{header}")
    for name, former, latter in (("before", before, calm), ("outage", calm, outage)):
        cells = "".join(f"{figure:12.3f}" for figure in figures[name])
        requests = latter.attempted - former.attempted
        say(f"{name:<10}{requests:>10}{_failed(latter) - _failed(former):>8}{cells}")
    p99 = PERCENTILES.index(99)
    ratio = figures["outage"][p99] / figures["before"][p99]
    failed = _failed(judgement.verdict)
    say(
        f"p99 ratio {ratio:.2f}, failed {failed}, numbers twice {len(judgement.verdict.duplicated)}"
    )
    return judgement.honest and failed == 0 and ratio <= ACCEPTED_RATIO


def _failed(verdict: Verdict) -> int:
    return verdict.failures + verdict.perhaps


if __name__ == "__main__":
    seconds = float(os.environ.get("OUTAGE_SECONDS") or DEFAULT_SECONDS)
    sys.exit(0 if measure(seconds) else 1)
