"""A database that hangs, and requests that wait for it: threads are left for those that do not."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.outages import Outage, black_hole, frozen, services
from tests.support.at_once import at_once
from tests.support.client import PARAMETERS, number_path
from tests.support.commands import flask
from tests.support.fleet import wait_for_reserve, wait_until_ready
from tests.support.instance import Instance
from tests.support.ledger import judge
from tests.support.lifetime import Lifetime
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until
from tracking_service.wait_limiter import PATIENCE_SECONDS

# Twice as many as the server has threads.
CALLERS = 16
RATE = 200.0
# Seconds between two requests of a caller. Who asks without any pause keeps the processors busy,
# and so would hold up the others whatever the threads do.
PAUSE = 0.02
# Seconds; a request that waits for the database waits for longer than HANGS. What is less is the
# moment in which nobody knows yet that it hangs, and a machine that other tests keep busy.
HANGS = 9.0
SLOWEST = 6.0


# A request of a kind, as http.client takes it: method, target, body, headers.
Asked = tuple[str, str, bytes | None, dict[str, str]]
Kind = Callable[[], Asked]


class Callers(Lifetime):
    """Clients that ask for what needs the database, again and again, until they are stopped."""

    def __init__(self, instance: Instance, ask: Kind, count: int = CALLERS) -> None:
        self._instance = instance
        self._ask = ask
        self.slowest = 0.0
        """Seconds that one answer took at the most."""
        self._stopped = threading.Event()
        self.statuses: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def _run(self) -> None:
        connection = http.client.HTTPConnection(*self._instance.address, timeout=40)
        while not self._stopped.wait(PAUSE):
            began = time.monotonic()
            connection.request(*self._ask())
            answer = connection.getresponse()
            answer.read()
            with self._lock:
                self.statuses[answer.status] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()

    def wait_for(self, status: int, times: int) -> None:
        goal = self.statuses[status] + times
        wait_until(
            lambda: self.statuses[status] >= goal, seconds=40, what=f"{times} answers of {status}"
        )

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(45)
            assert not thread.is_alive(), "a caller got no answer"


def verifying(number: str) -> Kind:
    return lambda: ("GET", f"/api/tracking-numbers/{number}", None, {})


def issuing_for_a_key(_number: str) -> Kind:
    keys: Iterator[int] = itertools.count()
    body = json.dumps({**PARAMETERS, "count": 2}).encode()

    def ask() -> Asked:
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"order-{next(keys)}"}
        return "POST", "/api/tracking-numbers/", body, headers

    return ask


@pytest.mark.parametrize(
    "wants_database, well", [(verifying, 200), (issuing_for_a_key, 201)], ids=["verify", "batch"]
)
def test_numbers_go_on_while_requests_hang_in_the_database(
    migrated_server: PostgresServer, wants_database: Callable[[str], Kind], well: int
) -> None:
    def numbers_go_on(outage: Outage) -> None:
        with migrated_server.copy() as server:
            numbers_go_on_while_requests_hang(server, outage, wants_database, well)

    at_once(numbers_go_on, {"frozen": frozen, "black_hole": black_hole})


def numbers_go_on_while_requests_hang(
    server: PostgresServer, outage: Outage, wants_database: Callable[[str], Kind], well: int
) -> None:
    with services(server, TRACKING_DATABASE_TIMEOUT_SECONDS=f"{HANGS:g}") as (fleet, proxy):
        instance = fleet[0]
        begin, end = outage(server, proxy)
        with (
            Load([instance.address], clients=4, rate=RATE) as load,
            Callers(instance, wants_database(instance.number())) as callers,
        ):
            wait_for_reserve(instance, 60)
            callers.wait_for(well, 100)
            began = time.monotonic()
            begin()
            callers.wait_for(503, 200)
            load.wait_for(int(RATE * 10))
            ended = time.monotonic()
            end()
            callers.wait_for(well, 100)
        judgement = judge(load.history, server.url("tracking"))

    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
    assert load.percentile(100, after=began, before=ended) < SLOWEST
    assert {well, 503} == set(callers.statuses)


# Clients that ask for series that are dry, nearly three times as many as the server has threads.
WAITING = 22
# Seconds; before threads were left for others, a request took as long as one that waits: 1.5.
UNNOTICED = 1.0
DRY = ("dry-1", "dry-2")


def test_a_series_with_serials_is_served_while_others_wait_for_leases_that_hang(
    server: PostgresServer, resize: Callable[[str, int], None]
) -> None:
    """From the first moment on, when nobody knows yet that the database hangs."""
    url = server.url("tracking")
    for name in DRY:
        made = flask("series", "create", name, "--format", "routed", env={"DATABASE_URL": url})
        assert 0 == made.returncode, made.stderr
    with Instance({"DATABASE_URL": url}) as instance, ExitStack() as stack:
        wait_until_ready(instance)
        resize(url, 10)
        for name in DRY:
            instance.number(series=name)
        stocked = stack.enter_context(Callers(instance, asking_for("default"), 4))
        stocked.wait_for(200, 100)
        stocked.slowest = 0.0
        server.pause()
        stack.callback(server.resume)
        waiting = [
            stack.enter_context(Callers(instance, asking_for(name), WAITING // 2)) for name in DRY
        ]
        # Beyond the moment in which it is found out, and as long again.
        until = time.monotonic() + 2 * PATIENCE_SECONDS
        wait_until(lambda: time.monotonic() > until, seconds=20, what="the moment to pass")
        statuses, slowest = dict(stocked.statuses), stocked.slowest
        refused = sum(callers.statuses[503] for callers in waiting)

    assert {200} == set(statuses)
    assert slowest < UNNOTICED
    assert refused > WAITING


def asking_for(series: str) -> Kind:
    return lambda: ("GET", number_path(series=series), None, {})
