"""An instance that starts while the database is away: alive, not ready, and refusing at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.outages import WAYS, Outage, reached_through
from tests.support.at_once import at_once
from tests.support.client import Client, number_path
from tests.support.fleet import readiness, wait_until_ready
from tests.support.instance import Instance
from tests.support.load import Address
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy

CALLERS = 50
# Seconds: the few that may wait do so for TRACKING_WAIT_SECONDS, the others not at all.
WAIT = 2.0
AT_ONCE = 1.0


def test_an_instance_started_without_its_database_becomes_ready_by_itself(
    migrated_server: PostgresServer,
) -> None:
    def becomes_ready(outage: Outage) -> None:
        with migrated_server.copy() as server:
            instance_becomes_ready(server, outage)

    at_once(becomes_ready, WAYS)


def instance_becomes_ready(server: PostgresServer, outage: Outage) -> None:
    with Proxy(server.port) as proxy:
        begin, end = outage(server, proxy)
        begin()
        settings = {"DATABASE_URL": reached_through(proxy, server)}
        with Instance({**settings, "TRACKING_DATABASE_TIMEOUT_SECONDS": "1"}) as instance:
            ready = instance.get("/readyz")
            healthy = instance.get("/healthz")
            status, body = readiness(instance)
            began = time.monotonic()
            with ThreadPoolExecutor(CALLERS) as callers:
                answers = list(callers.map(ask, [instance.address] * CALLERS))
            took = time.monotonic() - began
            end()
            wait_until_ready(instance)
            number = instance.number()

    assert 200 == healthy.status
    assert (503, "application/problem+json") == (ready.status, ready.headers["Content-Type"])
    assert 503 == status
    assert "cannot be reached" in body["detail"] or "no block" in body["detail"]
    assert {503} == {status for status, _, _, _ in answers}
    assert {"application/problem+json"} == {kind for _, kind, _, _ in answers}
    assert all(int(after) >= 1 for _, _, after, _ in answers)
    # With eight worker threads, and each request waiting its turn of two seconds, it were twelve.
    assert took < WAIT + 2
    assert sum(seconds < AT_ONCE for _, _, _, seconds in answers) >= CALLERS - 8
    assert number


def ask(address: Address) -> tuple[int, str, str, float]:
    """One request on a connection of its own: status, type, Retry-After, and how long it took."""
    client = Client(*address, timeout=30)
    began = time.monotonic()
    answer = client.get(number_path())
    took = time.monotonic() - began
    client.close()
    headers = answer.headers
    return answer.status, headers["Content-Type"], headers["Retry-After"], took
