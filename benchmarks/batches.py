"""Batches over HTTP: how long one takes, and what they do to single requests beside them.

A batch takes a processor for a moment, and on a small machine that alone lets others wait. How much
of the waiting that is shows beside processes that take as much, and have nothing to do with
the service.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from benchmarks.peers import SERVICE, Peer
from benchmarks.plan import Plan
from benchmarks.results import Figure, Figures, percentile
from benchmarks.serving import Paced, Running, naming
from benchmarks.traffic import shipments
from benchmarks.wrk import LoadError
from tests.support.instance import Instance

PATH = "/api/tracking-numbers/"
ALONE, BESIDE = "p99 of single requests", "p99 of single requests beside batches"
STRANGERS = "p99 of single requests beside strangers"
DURATION = "one batch"

# About what the batches take of two processors: the server's share, and its client's.
STRANGER = """
import time
while True:
    until = time.perf_counter() + 0.002
    while time.perf_counter() < until:
        pass
    time.sleep(0.0015)
"""


class Batches:
    """Asks for batches over one connection, one at a time.

    As a context it asks back to back, in a thread, until the block ends. The single requests are
    timed in another process, and the answers are looked at when the block has ended: to read ten
    thousand numbers takes a processor longer than to write them, and would leave the server a
    pause after each batch, and the machine one processor less.
    """

    def __init__(self, instance: Instance, count: int) -> None:
        self._connection = http.client.HTTPConnection(*instance.address, timeout=30)
        self._body = json.dumps({**next(shipments()), "count": count})
        self._count = count
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._error: Exception | None = None
        self._kept: list[bytes] = []

    def ask(self) -> float:
        """Milliseconds for one batch, to its last byte. LoadError where it is not whole."""
        began = time.perf_counter_ns()
        body = self._ask()
        took = (time.perf_counter_ns() - began) / 1e6
        self._check(body)
        return took

    def _ask(self) -> bytes:
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", PATH, self._body, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.CREATED:
            raise LoadError(f"a batch was answered with {answer.status}: {body[:200]!r}")
        return body

    def _check(self, body: bytes) -> None:
        numbers = json.loads(body)["tracking_numbers"]
        if len(set(numbers)) != self._count:
            raise LoadError(f"a batch had {len(set(numbers))} numbers instead of {self._count}")

    def _run(self) -> None:
        try:
            for number in itertools.count():
                if self._stopped.is_set():
                    break
                body = self._ask()
                # Some hundreds a second: a few tell whether they were whole.
                if number % 50 == 0:
                    self._kept.append(body)
        except (OSError, LoadError, http.client.HTTPException, ValueError) as error:
            self._error = error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=60)
        self.close()
        if self._error is not None and error is None:
            raise LoadError(f"the batches failed: {self._error}") from self._error
        for body in self._kept:
            self._check(body)


@contextmanager
def strangers() -> Iterator[None]:
    """A process for each processor that computes for 2 ms, rests for 1.5 ms, and so on."""
    count = len(os.sched_getaffinity(0))
    processes = [subprocess.Popen([sys.executable, "-c", STRANGER]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def batches(
    running: Running, plan: Plan, figures: Figures, *, tell: Callable[[str], None] = print
) -> None:
    """On each server of the service: a batch alone, then singles alone and beside batches."""
    asked = [(peer, instance) for peer, instance in running if peer.name == SERVICE]
    seconds = min(plan.seconds, 3.0)
    found: list[dict[str, list[float]]] = [
        {quantity: [] for quantity in (DURATION, ALONE, BESIDE, STRANGERS)} for _ in asked
    ]
    for number in range(1, plan.rounds + 1):
        tell(f"batches of {plan.count:,}, round {number} of {plan.rounds}")
        for (peer, instance), noted in zip(asked, found, strict=True):
            with naming(peer):
                noted[DURATION].append(_one(instance, plan.count))
                noted[ALONE].append(_singles(instance, plan, seconds))
                with Batches(instance, plan.count):
                    noted[BESIDE].append(_singles(instance, plan, seconds))
                with strangers():
                    noted[STRANGERS].append(_singles(instance, plan, seconds))
    for (peer, _), measured in zip(asked, found, strict=True):
        _note(peer, plan, figures, measured)


def _one(instance: Instance, count: int) -> float:
    """Milliseconds: the median of five in a row, after one that does not count."""
    client = Batches(instance, count)
    try:
        client.ask()
        return percentile([client.ask() for _ in range(5)], 50)
    finally:
        client.close()


def _singles(instance: Instance, plan: Plan, seconds: float) -> float:
    client = Paced.start(instance, rate=plan.rate, seconds=seconds, connections=plan.connections)
    return 1000 * percentile(client.outcome().latencies, 99)


def _note(peer: Peer, plan: Plan, figures: Figures, noted: dict[str, list[float]]) -> None:
    of = f"{plan.count:,} numbers"
    conditions = {"processes": peer.processes, "singles": f"{plan.rate:g} requests a second"}
    for quantity, values in noted.items():
        figures.add(Figure("batches", quantity, of, peer.server, "ms", tuple(values), conditions))
