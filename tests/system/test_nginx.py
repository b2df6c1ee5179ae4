"""Three real instances behind a real nginx on a real PostgreSQL: nothing fails, nothing repeats."""

from __future__ import annotations

import http.client
import json
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.support.client import PARAMETERS, Client, number_path
from tests.support.commands import migrate
from tests.support.fleet import Fleet, wait_until_ready
from tests.support.ledger import judge
from tests.support.lifetime import Lifetime
from tests.support.load import Address, Load
from tests.support.nginx import Nginx
from tests.support.oracle import duplicates
from tests.support.ports import HOST, free_port
from tests.support.postgres import PostgresServer
from tests.support.upstreams import Manner, Upstream, Vanished
from tests.support.waiting import wait_until
from tracking_service.client import Client as NumberClient
from tracking_service.client import InvalidNumber, Shipment

BATCHES = "/api/tracking-numbers/"
RATE = 400.0
SHIPMENT = Shipment(**PARAMETERS)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with PostgresServer.create() as server:
        server.create_database("tracking")
        migrate(server.url("tracking"))
        yield server.url("tracking")


@pytest.fixture(scope="module")
def fleet(url: str) -> Iterator[Fleet]:
    with Fleet(url, 3) as fleet:
        yield fleet


@pytest.fixture
def nginx(fleet: Fleet) -> Iterator[Nginx]:
    with Nginx(fleet.addresses) as nginx:
        yield nginx


def test_the_client_gets_its_answers_through_nginx(nginx: Nginx) -> None:
    url = "http://{}:{}".format(*nginx.address)
    with NumberClient(url) as client:
        number = client.next(SHIPMENT).tracking_number
        batch = client.batch(SHIPMENT, 10)

        assert number == client.verify(number).tracking_number
        assert 10 == len(batch.tracking_numbers)
        with pytest.raises(InvalidNumber):
            client.verify("MYID")


class BatchCaller(Lifetime):
    """Asks for batches until it is stopped; after a failure it asks again with the same key."""

    def __init__(self, address: Address) -> None:
        self.numbers: list[str] = []
        self.asked_again = 0
        self._address = address
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)

    def _run(self) -> None:
        while not self._stopped.wait(0.02):
            key = secrets.token_hex(8)
            while (batch := self._ask(key)) is None:
                self.asked_again += 1
                if self._stopped.wait(0.1):
                    return
            self.numbers += batch

    def _ask(self, key: str) -> list[str] | None:
        try:
            status, answer = post(self._address, 20, key)
        except (OSError, http.client.HTTPException):  # such as half an answer
            return None
        return answer["tracking_numbers"] if status == http.client.CREATED else None

    def begin(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(20)


def post(address: Address, count: int, key: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        connection.request(
            "POST",
            BATCHES,
            body=json.dumps({**PARAMETERS, "count": count}),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_configuration_is_one_that_nginx_takes(nginx: Nginx) -> None:
    said = nginx.check()

    assert "test is successful" in said
    assert "warn" not in said


def test_kills_and_a_rolling_restart_go_unnoticed(fleet: Fleet, nginx: Nginx, url: str) -> None:
    with (
        BatchCaller(nginx.address) as batches,
        Load([nginx.address], clients=12, rate=RATE) as load,
    ):
        load.wait_for(400)
        for instance in fleet:
            instance.kill()
            load.wait_for(400)
            instance.start()
            wait_until_ready(instance)
        for instance in fleet:
            assert 0 == instance.terminate()
            instance.start()
            wait_until_ready(instance)
        load.wait_for(400)
    judgement = judge(load.history, url)

    batched = f"{len(batches.numbers)} in batches, {batches.asked_again} batches asked for again"
    sys.stdout.write(f"behind nginx: {judgement}; {batched}\n")
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
    assert len(batches.numbers) >= 400
    assert {} == duplicates([*load.history.numbers(), *batches.numbers])


def test_a_batch_comes_through_whole_and_the_same_again(nginx: Nginx) -> None:
    first = post(nginx.address, 30_000, "whole")

    assert (201, 30_000) == (first[0], len(set(first[1]["tracking_numbers"])))
    assert first == post(nginx.address, 30_000, "whole")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/%6detrics",
        "/metrics?a=b",
        "/readyz",
        "/",
        "/api/status",
        "/api/status/",
        "/api/status/history",
        "/api/fleet",
        "/fleet",
        "/api/next-tracking-number/../status",
        "/x/../metrics",
    ],
)
def test_what_is_for_operators_alone_is_not_there(nginx: Nginx, path: str) -> None:
    with closing(Client(*nginx.address)) as client:
        answer = client.get(path)

    assert 404 == answer.status
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert (404, "Not Found") == (answer.json()["status"], answer.json()["title"])


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
def test_what_is_for_callers_is_there(nginx: Nginx, path: str) -> None:
    with closing(Client(*nginx.address)) as client:
        assert 200 == client.get(path).status


def test_the_services_own_answers_come_through(nginx: Nginx) -> None:
    with closing(Client(*nginx.address)) as client:
        number = client.get(number_path())
        fault = client.get(number_path(weight="0"))

    assert (200, "application/json") == (number.status, number.headers["Content-Type"])
    assert "no-store" == number.headers["Cache-Control"]
    assert (400, "weight") == (fault.status, fault.json()["errors"][0]["parameter"])


def test_what_is_too_large_is_refused_as_a_problem(nginx: Nginx) -> None:
    with closing(Client(*nginx.address)) as client:
        long_url = client.get("/?" + "x" * 20_000)
        long_header = client.get("/", headers={"X-Long": "x" * 20_000})

    assert (414, 414) == (long_url.status, long_url.json()["status"])
    assert (431, 431) == (long_header.status, long_header.json()["status"])


def test_the_log_holds_no_query(nginx: Nginx) -> None:
    with closing(Client(*nginx.address)) as client:
        client.get("/healthz")
        client.get(number_path(customer_name="Someone Private"))
    log = nginx.folder / "access.log"
    wait_until(log.read_text, seconds=10, what="a line in the log")
    logged = log.read_text()

    assert "GET /api/next-tracking-number/" in logged
    assert "Private" not in logged
    assert "healthz" not in logged


@pytest.mark.parametrize(
    "method, manner, times, status",
    [
        # One answer, one number: whatever the first two have spent is a gap.
        ("GET", "reset", 3, 502),
        ("HEAD", "reset", 3, 502),
        # It may have been carried out.
        ("POST", "reset", 1, 502),
        # A slow instance is not helped by asking the others too.
        ("GET", "silence", 1, 504),
        ("POST", "silence", 1, 504),
    ],
)
def test_how_often_a_request_is_sent(method: str, manner: Manner, times: int, status: int) -> None:
    with ExitStack() as ending:
        bad = [ending.enter_context(Upstream(manner)) for _ in range(3)]
        # Both a twentieth, so that the one stays longer than the other.
        changes = {
            "proxy_read_timeout 10s;": "proxy_read_timeout 500ms;",
            "proxy_next_upstream_timeout 5s;": "proxy_next_upstream_timeout 250ms;",
        }
        nginx = ending.enter_context(Nginx([one.address for one in bad], changes=changes))
        answer = ending.enter_context(closing(Client(*nginx.address))).request(
            method, number_path()
        )

    assert times == sum(len(one.requests) for one in bad)
    assert (status, "1") == (answer.status, answer.headers["Retry-After"])
    assert "application/problem+json" == answer.headers["Content-Type"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_is_asked_where_one_has_no_number_to_give(method: str) -> None:
    with ExitStack() as ending:
        empty, alive = (ending.enter_context(Upstream(manner)) for manner in ("refuse", "answer"))
        nginx = ending.enter_context(Nginx([empty.address, alive.address]))
        client = ending.enter_context(closing(Client(*nginx.address)))
        statuses = [client.request(method, number_path()).status for _ in range(4)]

    assert [200] * 4 == statuses
    assert empty.requests


@pytest.mark.parametrize("method, times", [("GET", 3), ("POST", 1)])
def test_where_none_has_a_number_their_own_refusal_comes_through(method: str, times: int) -> None:
    with ExitStack() as ending:
        empty = [ending.enter_context(Upstream("refuse")) for _ in range(3)]
        nginx = ending.enter_context(Nginx([one.address for one in empty]))
        client = ending.enter_context(closing(Client(*nginx.address)))
        answer = client.request(method, number_path())

    assert (503, "7") == (answer.status, answer.headers["Retry-After"])
    assert times == sum(len(one.requests) for one in empty)


def test_a_post_goes_to_another_where_one_cannot_be_reached() -> None:
    with ExitStack() as ending:
        alive = ending.enter_context(Upstream("answer"))
        nginx = ending.enter_context(Nginx([(HOST, free_port()), alive.address]))
        client = ending.enter_context(closing(Client(*nginx.address)))
        statuses = [client.request("POST", BATCHES).status for _ in range(4)]

    assert [200] * 4 == statuses
    assert 4 == len(alive.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_machine_that_vanished_costs_a_second_and_no_request(method: str) -> None:
    with ExitStack() as ending:
        gone = ending.enter_context(Vanished())
        alive = ending.enter_context(Upstream("answer"))
        nginx = ending.enter_context(Nginx([gone.address, alive.address]))
        client = ending.enter_context(closing(Client(*nginx.address)))
        began = time.monotonic()
        statuses = [client.request(method, BATCHES).status for _ in range(4)]
        took = time.monotonic() - began

    assert [200] * 4 == statuses
    assert 4 == len(alive.requests)
    # Some came upon the one that is gone, and waited for it as long as nginx does.
    assert 0.9 < took < 5


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_instances_that_all_failed_a_moment_ago_are_asked_nevertheless(method: str) -> None:
    ports = [free_port() for _ in range(3)]
    with ExitStack() as ending:
        nginx = ending.enter_context(Nginx([(HOST, port) for port in ports]))
        client = ending.enter_context(closing(Client(*nginx.address)))
        while_down = client.request(method, number_path())
        for port in ports:
            ending.enter_context(Upstream("answer", port=port))
        afterwards = [client.request(method, number_path()).status for _ in range(6)]

    assert 502 == while_down.status
    assert [200] * 6 == afterwards


def test_what_a_client_says_of_itself_is_not_passed_on() -> None:
    forged = {
        "X-Forwarded-For": "192.0.2.66",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Prefix": "/elsewhere",
        "Forwarded": "for=x",
    }
    with ExitStack() as ending:
        upstream = ending.enter_context(Upstream("answer"))
        nginx = ending.enter_context(Nginx([upstream.address]))
        ending.enter_context(closing(Client(*nginx.address))).get(number_path(), headers=forged)
    (request,) = upstream.requests

    assert b"X-Forwarded-For: 127.0.0.1\r\n" in request
    assert b"X-Forwarded-Proto: http\r\n" in request
    told = (b"192.0.2.66", b"gopher", b"elsewhere", b"Forwarded: for")
    assert not any(text in request for text in told)
