"""The whole WSGI application in one process, without a server, beside Flask's hello world.

All are called with the environments that a server would make, each with one of its own, made
before the clock starts. Rounds interleave, so that noise hits all alike.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from benchmarks.hello import app as hello
from benchmarks.peers import HELLO, SERVICE
from benchmarks.results import Figure, Figures
from benchmarks.traffic import new_customers, paths

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

REQUEST = "one request through the application"
MIXED, NEW = "mixed traffic", "new customers"


def microseconds(app: WSGIApplication, environments: Sequence[dict[str, Any]]) -> float:
    """Microseconds a request, over one request with each environment."""
    statuses = []

    def start_response(status: str, headers: list[tuple[str, str]], exc: Any = None) -> Any:
        del headers, exc
        statuses.append(status)

    # No server holds thousands of environments, for the collector to look at again and again.
    gc.collect()
    gc.freeze()
    try:
        began = time.perf_counter_ns()
        for environ in environments:
            for _ in app(environ, start_response):
                pass
        took = time.perf_counter_ns() - began
    finally:
        gc.unfreeze()
    if set(statuses) != {"200 OK"}:
        raise RuntimeError(f"requests were answered with {set(statuses)}")
    return took / len(environments) / 1000


def application(app: WSGIApplication, rounds: int, requests: int, figures: Figures) -> None:
    """Measure the service's `app`, `requests` at a time, and the peer."""
    mixed, fresh = paths(), new_customers(requests * rounds)
    found: dict[str, list[float]] = {HELLO: [], f"{SERVICE}, {MIXED}": [], f"{SERVICE}, {NEW}": []}
    for each in (app, hello):  # imports, and fills what is remembered
        microseconds(each, _environments(mixed, len(mixed)))
    for number in range(rounds):
        found[HELLO].append(microseconds(hello, _environments(mixed, requests)))
        found[f"{SERVICE}, {MIXED}"].append(microseconds(app, _environments(mixed, requests)))
        new = fresh[number * requests : (number + 1) * requests]
        found[f"{SERVICE}, {NEW}"].append(microseconds(app, _environments(new, requests)))
    conditions = {"threads": "1", "requests a round": f"{requests:,}"}
    for of, values in found.items():
        figures.add(Figure("process", REQUEST, of, "in process", "µs", tuple(values), conditions))


def _environments(targets: Sequence[str], count: int) -> list[dict[str, Any]]:
    """What a server makes of `count` requests, of `targets` in turn."""
    made = []
    for number in range(count):
        path, _, query = targets[number % len(targets)].partition("?")
        environ: dict[str, Any] = {
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_USER_AGENT": "benchmark",
            "HTTP_ACCEPT": "*/*",
            "wsgi.input": BytesIO(),
        }
        setup_testing_defaults(environ)
        made.append(environ)
    return made
