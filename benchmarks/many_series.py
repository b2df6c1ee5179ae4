"""What the number of series costs: one instance over a database that has 1, 100 or 10,000.

Either all have the pattern of the default series, each with serials of its own, or each a pattern of
its own. There are high-water marks of them all. Every measurement is in a fresh process, for
the sake of its memory.
"""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeVar

import psutil
from flask import Flask

from benchmarks.databases import Databases
from benchmarks.many_rows import add_marks, add_series, name_of
from benchmarks.results import percentile
from tests.support.apps import opened_app
from tests.support.client import number_path
from tests.support.commands import flask, migrate
from tracking_service.allocation import GuardedLeases, NullObserver
from tracking_service.container import services_of
from tracking_service.errors import NumberError
from tracking_service.numbering import Shipment, key_fingerprint
from tracking_service.store.blocks import BlockStore

A = TypeVar("A")
R = TypeVar("R")

_spawn = multiprocessing.get_context("spawn")

COUNTS = (1, 100, 10_000)
CALLS = 300
"""Calls of which the median is kept, or where a processor's time is measured the best: others slow
it, and none makes it faster. Of a lease a tenth."""
TIMEOUT_SECONDS = 900
AT_ONCE = 1000
"""Series added in a transaction, which has a few seconds."""
SHIPMENT = Shipment("MY", "ID")


@dataclass(frozen=True)
class ManySeries:
    """What an instance took with so many series; times in seconds, memory in MiB."""

    series: int
    patterns: int
    open: int
    """Series that were asked for numbers and so hold blocks."""
    verify: float
    """Of a processor, in the instance."""
    bad_number: float
    """Of a processor, in the instance: for a wrong check character."""
    first_use: float
    """The first number of a series, with its lease."""
    lease: float
    """With the high-water marks of so many series."""
    scrape: float
    """Of /metrics, with so many series open."""
    listing: float
    """`flask series list`, from the command to its end."""
    memory: float
    """What the process grew by from its start on."""
    shutdown: float
    """With so many series open, whose blocks are handed back."""


def measure_many_series(databases: Databases, *, most: int, most_open: int) -> list[ManySeries]:
    """Measure with up to `most` series, of which up to `most_open` are open.

    Raises RuntimeError where a process failed.
    """
    found = []
    for patterns in (False, True):
        for count in COUNTS:
            if count <= most:
                with databases.new() as url:
                    migrate(url)
                    found.append(_in_a_process(url, count, min(count, most_open), patterns))
    return found


def _in_a_process(url: str, count: int, opened: int, patterns: bool) -> ManySeries:
    receiver, sender = _spawn.Pipe(duplex=False)
    process = _spawn.Process(target=_measure, args=(url, count, opened, patterns, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(TIMEOUT_SECONDS):
            found: ManySeries = receiver.recv()
            return found
    except EOFError:
        pass
    finally:
        process.kill()
        process.join()
    raise RuntimeError(f"the measurement with {count} series failed; its error stands above")


def _measure(url: str, count: int, opened: int, patterns: bool, sender: Connection) -> None:
    before = _resident_mebibytes()
    with (
        tempfile.TemporaryDirectory() as folder,
        opened_app(url, Path(folder)) as app,
    ):
        logging.disable(logging.INFO)
        add_marks(Path(folder), count)
        services = services_of(app)
        add_series(services.database, count, patterns=patterns)
        client = app.test_client()

        def ask(name: str) -> str:
            answer = client.get(number_path(series=name))
            if answer.status_code != 200:
                raise RuntimeError(answer.get_data(as_text=True))
            number: str = answer.get_json()["tracking_number"]
            return number

        ask("default")  # connects, and compiles the statements
        used = _timed(ask, map(name_of, range(opened)))
        number = used[len(used) // 2][1]
        wrong = number[:-1] + ("0" if number[-1] != "0" else "2")
        verify, cpu = services.verifier.verify, time.thread_time

        def refuse(text: str) -> None:
            try:
                verify(text)
            except NumberError:
                return
            raise RuntimeError(f"{text} is verified")

        refuse("9")  # learns the patterns, once in the life of a process
        verified = [took for took, _ in _timed(verify, [number] * CALLS, cpu)]
        refused = [took for took, _ in _timed(refuse, [wrong] * CALLS, cpu)]
        leased = [took for took, _ in _timed(_leasing(app), [1] * (CALLS // 10))]
        scraped = [took for took, _ in _timed(client.get, ["/metrics"] * 5)]
        ((listing, listed),) = _timed(_list_series, [url])
        if listed.returncode or name_of(count - 1) not in listed.stdout:
            raise RuntimeError(listed.stderr)
        memory = _resident_mebibytes() - before
        ((shutdown, _),) = _timed(services.instance.close, [TIMEOUT_SECONDS])
    # The last ones, when nearly all the others are open.
    last = [took for took, _ in used[-30:]]
    sender.send(
        ManySeries(
            series=count,
            patterns=count if patterns else 1,
            open=opened,
            verify=min(verified),
            bad_number=min(refused),
            first_use=percentile(last, 50),
            lease=percentile(leased, 50),
            scrape=percentile(scraped, 50),
            listing=listing,
            memory=memory,
            shutdown=shutdown,
        )
    )


def _list_series(url: str) -> CompletedProcess[str]:
    return flask("series", "list", env={"DATABASE_URL": url})


def _leasing(app: Flask) -> Callable[[int], object]:
    """Leases blocks of one of the series, beside the instance, whose high-water marks it shares."""
    services = services_of(app)
    record = services.series.find(name_of(0))
    guarded = GuardedLeases(
        record.name,
        fingerprint=key_fingerprint(record.key),
        end_serial=record.end_serial,
        instance="benchmark:1:0",
        store=BlockStore(services.database, instance="benchmark:1:0"),
        marks=services.marks,
        observer=NullObserver(),
    )
    return guarded.lease


def _timed(
    call: Callable[[A], R], arguments: Iterable[A], clock: Callable[[], float] = time.perf_counter
) -> list[tuple[float, R]]:
    """How long each call took, in seconds, and what it returned."""
    found = []
    for argument in arguments:
        began = clock()
        result = call(argument)
        found.append((clock() - began, result))
    return found


def _resident_mebibytes() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)
