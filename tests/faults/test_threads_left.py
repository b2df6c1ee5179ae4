"""A database that hangs, and requests that want it: threads are left for those that do not."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.faults.outages import Outage, black_hole, frozen, services
from tests.support.at_once import at_once
from tests.support.client import PARAMETERS
from tests.support.fleet import wait_for_reserve
from tests.support.instance import Instance
from tests.support.ledger import judge
from tests.support.lifetime import Lifetime
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

# Twice as many as the server has threads.
CALLERS = 16
RATE = 200.0
# Seconds between two requests of a caller. Who asks without any pause keeps the processors busy,
# and so would hold up the others whatever the threads do.
PAUSE = 0.02
# Seconds; a request that waits for the database waits for longer than HANGS. What is less is the
# moment in which nobody knows yet that it hangs, and a machine that other tests keep busy.
HANGS = 6.0
SLOWEST = 4.0


# A request of a kind, as http.client takes it: method, target, body, headers.
Asked = tuple[str, str, bytes | None, dict[str, str]]
Kind = Callable[[], Asked]


class Callers(Lifetime):
    """Clients that ask for what needs the database, again and again, until they are stopped."""

    def __init__(self, instance: Instance, ask: Kind) -> None:
        self._instance = instance
        self._ask = ask
        self._stopped = threading.Event()
        self.statuses: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CALLERS)]

    def _run(self) -> None:
        connection = http.client.HTTPConnection(*self._instance.address, timeout=40)
        while not self._stopped.wait(PAUSE):
            connection.request(*self._ask())
            answer = connection.getresponse()
            answer.read()
            with self._lock:
                self.statuses[answer.status] += 1
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
    keys: Iterator[int] = count()
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
