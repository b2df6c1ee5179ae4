"""In one process, without HTTP: what a serial, a number and a batch of numbers cost.

The issuer is the service's own, on a migrated SQLite file and with a reserve of many blocks, so
that what is timed includes the change from one block to the next, but no lease.
"""

from __future__ import annotations

import itertools
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from benchmarks import inwsgi
from benchmarks.plan import Plan
from benchmarks.results import Figure, Figures
from benchmarks.traffic import paths
from tests.support.commands import migrate
from tracking_service.allocation import Allocator, Block
from tracking_service.api.middleware.fast_path import issue_from_query
from tracking_service.app import create_app
from tracking_service.container import services_of
from tracking_service.numbering import KEY_BYTES, Format, Shipment
from tracking_service.numbering.builtin import ROUTED
from tracking_service.settings import Settings

BLOCK_SIZE = 10_000
THREADS = (1, 4, 16)
HERE = "in process"
NEXT, ISSUE, REQUEST = "next()", "Issuer.issue", "issue_from_query"
BATCH = "batch"

SHIPMENT = Shipment("MY", "ID")


def stocked(serials: int) -> Allocator:
    """An allocator with as many blocks as that takes, one after the other."""
    allocator = Allocator("default", wake_leaser=lambda: None)
    starts = range(0, serials + BLOCK_SIZE, BLOCK_SIZE)
    allocator.add([Block(start, start + BLOCK_SIZE) for start in starts], low_water=0)
    return allocator


def next_nanoseconds(threads: int, serials: int) -> float:
    """Nanoseconds from the first call to the end of the last, by the calls of all threads."""
    allocator = stocked(serials)
    each = serials // threads
    barrier = threading.Barrier(threads + 1)

    def draw() -> None:
        barrier.wait()
        # A loop in C: one in Python would cost a good part of what it measures. No serial is -1.
        deque(itertools.islice(iter(allocator.next, -1), each), maxlen=0)

    workers = [threading.Thread(target=draw) for _ in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter_ns()
    for worker in workers:
        worker.join()
    return (time.perf_counter_ns() - began) / (each * threads)


def microseconds(call: Callable[[], object], times: int) -> float:
    """Microseconds a call, over `times` of them in a row."""
    began = time.perf_counter_ns()
    for _ in range(times):
        call()
    return (time.perf_counter_ns() - began) / times / 1000


def bytes_per_block(blocks: int = 20_000) -> float:
    """Bytes that an allocator holds for each block in its reserve."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        allocator = stocked(blocks * BLOCK_SIZE)
        after = tracemalloc.get_traced_memory()[0]
        held = len(allocator.unspent)
    finally:
        tracemalloc.stop()
    return (after - before) / held


def batch_milliseconds(count: int) -> float:
    """Milliseconds for a batch: serials from an allocator, and their numbers as ASCII rows."""
    number_format = Format(ROUTED, bytes(KEY_BYTES))
    allocator = stocked(count)
    began = time.perf_counter_ns()
    rows = [
        number_format.encode_many(block.start, block.end, SHIPMENT)
        for block in allocator.take(count)
    ]
    took = (time.perf_counter_ns() - began) / 1e6
    if sum(map(len, rows)) != count * number_format.width:
        raise RuntimeError("the batch is not of the length that was asked for")
    return took


def process(plan: Plan, figures: Figures, folder: Path, *, serials: int = 400_000) -> None:
    """All of it. `serials` is how many each round takes by single calls."""
    rounds = range(plan.rounds)
    blocks = {"block size": f"{BLOCK_SIZE:,} serials"}

    def note(quantity: str, of: str, unit: str, values: list[float], **more: str) -> None:
        figures.add(Figure("process", quantity, of, HERE, unit, tuple(values), {**blocks, **more}))

    drawn: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for _ in rounds:
        for threads in THREADS:
            drawn[threads].append(next_nanoseconds(threads, serials))
    for threads, values in drawn.items():
        name = "1 thread" if threads == 1 else f"{threads} threads"
        note(NEXT, name, "ns", values, threads=str(threads))

    app = _app(folder)
    services = services_of(app)
    issuer = services.issuer
    queries = itertools.cycle(path.partition("?")[2] for path in paths())
    singles = serials // 20
    issued = [microseconds(lambda: issuer.issue(SHIPMENT), singles) for _ in rounds]
    answered = [
        microseconds(lambda: issue_from_query(next(queries), issuer), singles) for _ in rounds
    ]
    inwsgi.application(app.wsgi_app, plan.rounds, singles, figures)
    services.instance.close()
    services.disconnect()
    note("one number", ISSUE, "µs", issued, threads="1", database="SQLite")
    note("one number", REQUEST, "µs", answered, threads="1", database="SQLite")

    batch_milliseconds(plan.count)  # imports, and makes what a lane keeps
    batches = [batch_milliseconds(plan.count) for _ in rounds]
    note(f"{plan.count:,} numbers", BATCH, "ms", batches, threads="1", format="routed")
    each = [took * 1000 / plan.count for took in batches]
    note("one number", BATCH, "µs", each, threads="1", format="routed")
    note("memory", "a block in the reserve", "bytes", [bytes_per_block()])


def _app(folder: Path) -> Flask:
    """The service's own, with its first block leased."""
    url = f"sqlite:///{folder / 'process.sqlite3'}"
    migrate(url)
    app = create_app(Settings(database_url=url, state_dir=str(folder)))
    services_of(app).issuer.issue(SHIPMENT)
    return app
