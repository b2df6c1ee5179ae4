"""Clients that send or read next to nothing, and take up connections, do not stop good ones."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.client import PARAMETERS, Client, number_path
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance
from tests.support.load import Load
from tests.support.ports import HOST
from tests.support.raw import answers, connections, received, statuses
from tests.support.waiting import wait_until
from tracking_service.serving.options import OPTIONS

SLOW = 200
# The real server, but for how long it bears with a slow client.
IMPATIENT = (
    "import sys; from flask.cli import main;"
    " from tracking_service.serving import connections, options;"
    " connections.REQUEST_SECONDS = 0.5; options.OPTIONS['cleanup_interval'] = 0;"
    f" sys.argv = ['flask', 'serve', '--host', '{HOST}', '--port', sys.argv[1]]; main()"
)
BATCH = json.dumps({**PARAMETERS, "count": 100_000}).encode()


def trickle(slow: Sequence[socket.socket], data: bytes, seconds: int) -> None:
    """A byte a second from each."""
    began = time.monotonic()
    for number in range(seconds):
        for connection in slow:
            connection.send(data[number : number + 1])
        # The one thing here that is made of time.
        time.sleep(max(0.0, began + number + 1 - time.monotonic()))


@pytest.mark.parametrize(
    "data",
    [
        f"GET {number_path()} HTTP/1.1\r\n".encode(),
        b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n",
    ],
    ids=["head", "body"],
)
def test_two_hundred_clients_of_a_byte_a_second_stop_nobody(
    instance: Instance, data: bytes
) -> None:
    with connections(instance.address, SLOW) as slow:
        if data.endswith(b"\r\n\r\n"):
            for connection in slow:
                connection.sendall(data)
        with Load([instance.address], clients=4, rate=50) as load:
            trickle(slow, data, 4)
            load.wait_for(50)
    verdict = load.history.verdict()

    assert verdict.unique
    assert 0 == verdict.failures == verdict.perhaps
    # Without them it is a few milliseconds; a thread held up for a second would show.
    assert load.percentile(99) < 0.5


def test_clients_that_do_not_read_hold_up_no_thread(instance: Instance) -> None:
    """Forty batches of two megabytes wait for their readers: five for each thread."""
    head = (
        b"POST /api/tracking-numbers/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BATCH)
    )
    with connections(instance.address, 40) as slow:
        for connection in slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(head + BATCH)
        for connection in slow:
            assert b"HTTP/1.1 201" == connection.recv(12)
        with Load([instance.address], clients=4, rate=100) as load:
            load.wait_for(100)
        verdict = load.history.verdict()

        assert 0 == verdict.failures == verdict.perhaps
        assert load.percentile(99) < 1.0


def test_full_of_connections_it_serves_those_it_has_and_takes_more_as_they_go(
    instance: Instance,
) -> None:
    with closing(Client(*instance.address)) as good, closing(Client(*instance.address)) as late:
        assert 200 == good.get("/healthz").status
        with connections(instance.address, OPTIONS["connection_limit"] + 20):
            wait_until(lambda: "connection limit" in instance.log(), seconds=20, what="it full")

            assert 200 == good.get(number_path()).status

        assert 200 == late.get("/healthz").status


def test_a_request_that_does_not_end_is_408(migrated_sqlite_url: str, tmp_path: Path) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_STATE_DIR": str(tmp_path)}
    with Instance(env, command=(sys.executable, "-c", IMPATIENT, "{port}")) as instance:
        wait_until_ready(instance)
        with connections(instance.address, 3) as (head, body, idle):
            head.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            body.sendall(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1")
            for slow in (head, body):
                stream = received(slow)
                (answer,) = answers(stream)

                assert [408] == statuses(stream)
                assert "application/problem+json" == answer.headers["Content-Type"]
            # A client at rest, as a load balancer's are, is not meant.
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

            assert [200] == statuses(received(idle))
        assert 0 == instance.terminate()
