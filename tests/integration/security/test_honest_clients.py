"""What honest clients, proxies and browsers do to serials; docs/security.md tells it in words."""

from __future__ import annotations

import http.client
import json
import select
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.support.client import PARAMETERS, number_path
from tests.support.instance import Instance
from tests.support.oracle import duplicates
from tests.support.raw import exchange, statuses
from tests.support.waiting import wait_until

REQUEST = f"GET {number_path()} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
PREFETCHES = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Sec-Purpose": "prefetch;anonymous-client-ip", "Purpose": "prefetch"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
]


def batch(instance: Instance, key: str, count: int = 10) -> tuple[int, list[str]]:
    address = urlsplit(instance.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    body = json.dumps({**PARAMETERS, "count": count})
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    try:
        connection.request("POST", "/api/tracking-numbers/", body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read()).get("tracking_numbers", [])
    finally:
        connection.close()


def test_a_client_that_asks_again_gets_another_number_each_time(
    instance: Instance, spent: Callable[[], int]
) -> None:
    numbers = [instance.number() for _ in range(200)]

    assert {} == duplicates(numbers)
    assert 200 == spent()


def test_a_client_that_repeats_a_fault_without_end_spends_nothing(
    instance: Instance, spent: Callable[[], int]
) -> None:
    answers = {instance.get(number_path(weight="0")).status for _ in range(500)}

    assert {400} == answers
    assert 0 == spent()


@pytest.mark.parametrize("waits", [True, False])
def test_a_client_that_hangs_up_spends_one_each_time_at_the_most(
    instance: Instance, spent: Callable[[], int], waits: bool
) -> None:
    """As a load balancer does that times out. `waits`: until the answer is there, unread."""
    for _ in range(50):
        with socket.create_connection(instance.address) as connection:
            # With a reset, so that the answer has nowhere to go.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(REQUEST)
            if waits:
                select.select([connection], [], [], 10)
    lost = spent()

    assert lost == 50 if waits else lost <= 50
    assert 200 == instance.get("/readyz").status


def test_a_get_that_is_sent_twice_gives_two_numbers(
    instance: Instance, spent: Callable[[], int]
) -> None:
    """A load balancer that tries a GET again may waste a serial, and repeats no number."""
    stream = exchange(
        instance.address, REQUEST * 2 + b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )

    assert [200, 200, 404] == statuses(stream)
    assert 2 == spent()


def test_a_get_that_is_sent_twice_with_a_key_gives_one_number(
    instance: Instance, spent: Callable[[], int]
) -> None:
    headers = {"Idempotency-Key": "sent-twice"}
    answers = [instance.get(number_path(), headers=headers) for _ in range(2)]

    assert [200, 200] == [answer.status for answer in answers]
    assert answers[0].body == answers[1].body
    assert 1 == spent()


def test_a_batch_that_is_tried_again_spends_nothing(
    instance: Instance, spent: Callable[[], int]
) -> None:
    first = batch(instance, "retried")
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: batch(instance, "retried"), range(20)))

    assert 201 == first[0]
    assert [first] * 20 == again
    assert 10 == spent()


def test_no_answer_may_be_kept_by_a_proxy(instance: Instance) -> None:
    conditional = {"If-None-Match": "*", "If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"}
    for path in (number_path(), number_path(weight="0"), "/api/next-tracking-number", "/nothing"):
        for headers in ({}, conditional, {"Range": "bytes=0-1"}, {"Cache-Control": "max-stale"}):
            response = instance.get(path, headers=headers)

            assert "no-store" == response.headers["Cache-Control"]
            assert response.status in (200, 400, 404)
            assert "ETag" not in response.headers
            assert "Last-Modified" not in response.headers


@pytest.mark.parametrize("headers", PREFETCHES, ids=lambda headers: "; ".join(headers.values()))
def test_a_prefetch_is_refused_and_spends_nothing(
    instance: Instance, spent: Callable[[], int], headers: dict[str, str]
) -> None:
    response = instance.get(number_path(), headers=headers)

    assert 403 == response.status
    assert "/problems/prefetch" == response.json()["type"]
    assert "no-store" == response.headers["Cache-Control"]
    assert 0 == spent()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_spends_nothing_may_be_fetched_ahead(instance: Instance, path: str) -> None:
    assert 200 == instance.get(path, headers={"Sec-Purpose": "prefetch"}).status


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PROPFIND"])
def test_a_method_that_asks_for_no_number_spends_none(
    instance: Instance, spent: Callable[[], int], method: str
) -> None:
    instance.request(method, number_path())

    assert 0 == spent()


def test_a_storm_of_connections_costs_one_serial_an_answer(
    instance: Instance, spent: Callable[[], int]
) -> None:
    """A client that opens a new connection for every try."""
    close = REQUEST.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n")
    with ThreadPoolExecutor(16) as pool:
        streams = list(pool.map(lambda _: exchange(instance.address, close), range(300)))

    assert [[200]] * 300 == [statuses(stream) for stream in streams]
    assert 300 == spent()


def test_the_process_is_none_the_worse(instance: Instance) -> None:
    wait_until(lambda: instance.get("/readyz").status == 200, seconds=10, what="readiness")

    assert "Traceback" not in instance.log()
