"""A serving instance from outside: how soon it answers, and how much memory it takes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil

from benchmarks.databases import Databases
from benchmarks.peers import SERVICE, WAITRESS, Peer, service
from benchmarks.plan import Plan
from benchmarks.results import Figure, Figures
from benchmarks.serving import by_paced_client
from tests.support import processes
from tests.support.instance import Instance

FIRST_ANSWER = "from the command to the first number"


def start(plan: Plan, figures: Figures, databases: Databases, servers: Sequence[str]) -> None:
    """On each server, time from the command to the first number, and memory at rest and after."""
    for server in servers:
        with databases.new() as url:
            peer = service(server, url)
            _measure(peer, plan, figures, databases.description)


def _measure(peer: Peer, plan: Plan, figures: Figures, database: str) -> None:
    seconds, at_rest, after = [], [], []
    for _ in range(plan.rounds):
        began = time.perf_counter()
        with Instance(peer.env, command=peer.command) as instance:
            instance.number()
            seconds.append(time.perf_counter() - began)
            at_rest.append(_resident_mebibytes(instance))
            if peer.server == WAITRESS:
                by_paced_client(instance, min(1.0, plan.seconds), plan.connections)
                after.append(_resident_mebibytes(instance))
    conditions = {"processes": peer.processes, "database": database}

    def note(quantity: str, unit: str, values: list[float]) -> None:
        figures.add(
            Figure("start", quantity, SERVICE, peer.server, unit, tuple(values), conditions)
        )

    note(FIRST_ANSWER, "s", seconds)
    note("resident memory, all processes, at rest", "MiB", at_rest)
    if after:
        note("resident memory, all processes, after a load", "MiB", after)


def _resident_mebibytes(instance: Instance) -> float:
    """Of all its processes. What they share is counted in each: an upper bound."""
    total = 0
    for process in processes.family(instance.pid):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20
