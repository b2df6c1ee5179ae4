"""How fast one buffered client hands numbers out in one process: `python -m benchmarks.client_buffer`.

From memory alone, as while the service is away; and with a service on this machine behind it, where
the fetches, the service and the caller share the processors. Best and median of the rounds.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time

from benchmarks.traffic import shipments
from tests.support.commands import migrate
from tests.support.instance import Instance
from tests.support.waiting import wait_until
from tracking_service.client import Client, NumberBuffer, Shipment

SIZE = 100_000
ROUNDS = 7


def rate(buffer: NumberBuffer, count: int) -> float:
    """Numbers a second, by the clock, over `count` of them."""
    take = buffer.next
    began = time.perf_counter()
    for _ in range(count):
        take()
    return count / (time.perf_counter() - began)


def measure(url: str, *, sustained: int = 1_000_000) -> dict[str, list[float]]:
    """The rates of all rounds, by what they are of."""
    found: dict[str, list[float]] = {"from memory": [], "with fetches": []}
    with Client(url) as client:
        for _ in range(ROUNDS):
            with client.buffered(Shipment(**next(shipments())), SIZE) as buffer:
                buffer.next()
                wait_until(lambda: buffer.held >= SIZE - 1, seconds=30, what="a full buffer")
                # Half of it, so that nothing is fetched meanwhile.
                found["from memory"].append(rate(buffer, SIZE // 2 - 10))
                found["with fetches"].append(rate(buffer, sustained))
    return found


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tracking-client-") as folder:
        url = f"sqlite:///{folder}/client.sqlite3"
        migrate(url)
        with Instance({"DATABASE_URL": url}) as instance:
            found = measure(instance.url)
    sys.stdout.write(
        f"one buffered client, size {SIZE:,}, flask serve on SQLite; {os.cpu_count()} CPUs,"
        f" load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n"
    )
    for name, rates in found.items():
        median, best = statistics.median(rates), max(rates)
        sys.stdout.write(f"{name:<14}{median:12,.0f} a second, best {best:12,.0f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
