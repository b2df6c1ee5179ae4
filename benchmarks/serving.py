"""Over HTTP, all peers side by side: answers a second flat out, and latency at a fixed rate.

Each round asks one peer after the other, so that whatever else the machine does hits all alike;
a ratio is taken within a round.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg

from benchmarks import wrk
from benchmarks.paced import Outcome
from benchmarks.peers import BARE, SERVICE, Peer
from benchmarks.plan import Plan
from benchmarks.results import Figure, Figures, percentile
from benchmarks.traffic import paths
from benchmarks.workers import shared
from tests.support.commands import ROOT, environment
from tests.support.instance import Instance

FLAT_OUT = "answers a second"
LEASES = "leases per 10,000 numbers"
LATENCIES = ((50.0, "p50"), (99.0, "p99"), (99.9, "p99.9"))

Running = Sequence[tuple[Peer, Instance]]
Generator = Callable[[Instance, float, int], float]
"""(instance, seconds, connections) -> answers a second; raises LoadError."""


@dataclass(frozen=True)
class Paced:
    """A paced client that runs in a process of its own."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, instance: Instance, *, rate: float, seconds: float, connections: int) -> Paced:
        """Begin now; `rate` is in requests a second, 0 for flat out."""
        host, port = instance.address
        options = [f"--rate={rate}", f"--seconds={seconds}", f"--connections={connections}"]
        command = [sys.executable, "-m", "benchmarks.paced", host, str(port), *options]
        return cls(
            subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
            )
        )

    def outcome(self, *, seconds: float = 60.0) -> Outcome:
        """Wait for its end. LoadError where it failed or had a request fail."""
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise wrk.LoadError("the paced client did not end") from None
        if self.process.returncode:
            raise wrk.LoadError(f"the paced client ended with {self.process.returncode}")
        outcome = Outcome(**json.loads(output))
        if outcome.failed or not outcome.latencies:
            failed = ", ".join(f"{how}: {times}" for how, times in outcome.failed.items())
            raise wrk.LoadError(
                f"{len(outcome.latencies)} requests were answered, others not ({failed or 'none'})"
            )
        return outcome


def by_wrk(instance: Instance, seconds: float, connections: int) -> float:
    """Answers a second, as wrk counts them."""
    return wrk.requests_per_second(instance.url, paths(), seconds=seconds, connections=connections)


def by_paced_client(instance: Instance, seconds: float, connections: int) -> float:
    """The same without wrk, for a look at whether all works: a client in Python is the limit."""
    client = Paced.start(instance, rate=0, seconds=seconds, connections=connections)
    return len(client.outcome().latencies) / seconds


@contextmanager
def naming(peer: Peer) -> Iterator[None]:
    """Say of a LoadError whose it is."""
    try:
        yield
    except wrk.LoadError as error:
        raise wrk.LoadError(f"{peer.name} on {peer.server}: {error}") from error


def warm_up(running: Running, generator: Generator, seconds: float) -> None:
    """Let every worker import, connect and lease; nothing of it counts.

    A first request may find an empty reserve and a busy machine, and be told to come again.
    """
    for peer, instance in running:
        for attempt in range(3):
            try:
                with naming(peer):
                    generator(instance, seconds, 16)
                break
            except wrk.LoadError:
                if attempt == 2:
                    raise


def throughput(
    running: Running,
    plan: Plan,
    figures: Figures,
    *,
    generator: Generator = by_wrk,
    tell: Callable[[str], None] = print,
) -> None:
    """Answers a second of every peer, and how many leases the service's numbers took."""
    rates: dict[int, list[float]] = {index: [] for index in range(len(running))}
    leases = {index: -_leases(peer) for index, (peer, _) in enumerate(running)}
    for number in range(1, plan.rounds + 1):
        tell(f"answers a second, round {number} of {plan.rounds}")
        for index, (peer, instance) in enumerate(running):
            with naming(peer):
                ask = partial(generator, instance, plan.seconds, plan.connections)
                rates[index].append(shared(instance.pid, ask))
    for index, (peer, _) in enumerate(running):
        conditions = {
            "processes": peer.processes,
            "connections": str(plan.connections),
            "seconds a round": f"{plan.seconds:g}",
        }
        figures.add(
            Figure(
                "throughput",
                FLAT_OUT,
                peer.name,
                peer.server,
                "1/s",
                tuple(rates[index]),
                conditions,
            )
        )
        if peer.name == SERVICE:
            leased = leases[index] + _leases(peer)
            issued = sum(rates[index]) * plan.seconds
            values = (leased * 10_000 / issued,)
            figures.add(Figure("leases", LEASES, peer.name, peer.server, "", values, conditions))


def latency(
    running: Running, plan: Plan, figures: Figures, *, tell: Callable[[str], None] = print
) -> None:
    """p50, p99 and p99.9 of every peer but the bare one, at the same rate for all."""
    asked = [(peer, instance) for peer, instance in running if peer.name != BARE]
    found: list[list[list[float]]] = [[] for _ in asked]
    for number in range(1, plan.rounds + 1):
        tell(f"latency at {plan.rate:g} requests a second, round {number} of {plan.rounds}")
        for index, (peer, instance) in enumerate(asked):
            client = Paced.start(
                instance, rate=plan.rate, seconds=plan.seconds, connections=2 * plan.connections
            )
            with naming(peer):
                found[index].append(client.outcome().latencies)
    conditions = {
        "rate": f"{plan.rate:g} requests a second",
        "connections": str(2 * plan.connections),
        "counted": "from the moment at which a request was due",
    }
    for index, (peer, _) in enumerate(asked):
        for percent, name in LATENCIES:
            values = tuple(1000 * percentile(each, percent) for each in found[index])
            figures.add(
                Figure(
                    "latency",
                    name,
                    peer.name,
                    peer.server,
                    "ms",
                    values,
                    {"processes": peer.processes, **conditions},
                )
            )


def _leases(peer: Peer) -> int:
    """How many leases the peer's database has seen; 0 for a peer without leases."""
    if peer.name != SERVICE:
        return 0
    with psycopg.connect(peer.env["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT sum(lease_count) FROM series").fetchone()
    return int(row[0]) if row and row[0] is not None else 0
