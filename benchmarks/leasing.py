"""How many leases a second one hot row of a real PostgreSQL gives, by leasing processes.

Each process leases as an instance does, through the service's own store on a connection of its
own, one lease after the other without a pause. All want the same series, so all wait for one row.
The high-water marks are left out: instances on hosts of their own do not share one.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from benchmarks.results import percentile
from tracking_service.store.blocks import BlockStore
from tracking_service.store.database import Bulkhead, Database, database_url

# Forked: the children need no time to import, of which 64 would keep a small machine for a minute.
_fork = multiprocessing.get_context("fork")

SERIES = "default"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Leasing:
    """What some processes got; latencies are of one lease, in seconds."""

    processes: int
    blocks: int
    leases_per_second: float
    p50: float
    p99: float


def lease_seconds(found: Sequence[Leasing]) -> float:
    """The row's time for one lease: what it took where most leases a second came."""
    return 1 / max(leasing.leases_per_second for leasing in found)


def lease_flat_out(url: str, *, processes: int, blocks: int, seconds: float) -> Leasing:
    """Let so many processes lease `blocks` blocks at a time for `seconds`.

    Raises RuntimeError where one of them failed.
    """
    barrier = _fork.Barrier(processes + 1)
    workers = []
    pipes: list[Connection] = []
    for index in range(processes):
        receiver, sender = _fork.Pipe(duplex=False)
        worker = _fork.Process(
            target=_lease, args=(url, f"lessee-{index}", blocks, seconds, barrier, sender)
        )
        worker.start()
        sender.close()
        workers.append(worker)
        pipes.append(receiver)
    try:
        barrier.wait(TIMEOUT_SECONDS)
        taken = [_received(pipe, seconds) for pipe in pipes]
    finally:
        for worker in workers:
            worker.join(timeout=TIMEOUT_SECONDS)
            worker.kill()
    latencies = [took for each in taken for took in each]
    return Leasing(
        processes,
        blocks,
        len(latencies) / seconds,
        percentile(latencies, 50),
        percentile(latencies, 99),
    )


def _received(pipe: Connection, seconds: float) -> Sequence[float]:
    try:
        if pipe.poll(seconds + TIMEOUT_SECONDS):
            latencies: Sequence[float] = pipe.recv()
            return latencies
    except EOFError:
        pass
    raise RuntimeError("a leasing process failed; its error stands above")


def _lease(
    url: str, name: str, blocks: int, seconds: float, barrier: Barrier, sender: Connection
) -> None:
    database = Database(database_url(url), timeout_seconds=30.0, bulkhead=Bulkhead(threads=4))
    store = BlockStore(database, instance=name)
    try:
        store.lease(SERIES, blocks)  # connects, and compiles the statements
        barrier.wait(TIMEOUT_SECONDS)
    except BaseException:
        # Nobody is to wait for the others in vain.
        barrier.abort()
        raise
    latencies = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        store.lease(SERIES, blocks)
        latencies.append(time.perf_counter() - began)
    sender.send(latencies)
    database.close()
