"""A client that is closed ends the calls that are on their way, whatever they wait for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import pytest

from tests.support.hostile_server import Asked, HostileServer, answer
from tests.support.service_stand_in import SHIPMENT
from tests.support.waiting import wait_until
from tracking_service.client import AsyncClient, Client, Closed
from tracking_service.client.deadlines import Deadlines


def head_drips(asked: Asked) -> None:
    asked.request()
    asked.drip(b"HTTP/1.1 200 OK\r\nX-Request-ID: " + b"x" * 10_000)


def test_close_ends_the_calls_that_are_on_their_way() -> None:
    caught: list[BaseException] = []
    with HostileServer(Asked.hang) as server:
        client = Client(server.url, timeout=20)

        def call() -> None:
            with pytest.raises(Closed) as found:
                client.next(SHIPMENT)
            caught.append(found.value)

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server.connections == 8, seconds=10, what="all calls")
        client.close()
        for thread in threads:
            thread.join(5)
        # While the server still hangs.
        assert 8 == len(caught)


class Connected:
    """A connection that the HTTP library has just made."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.close = connection.close

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._connection.sendall(buffer)

    def get_extra_info(self, info: str) -> object:
        return self._connection


def test_a_connection_that_comes_about_after_the_close_is_closed() -> None:
    deadlines = Deadlines(time.monotonic)
    ours, theirs = socket.socketpair()
    deadlines.end_all()
    with theirs, deadlines.within(10), pytest.raises(Closed):
        deadlines.trace("connection.connect_tcp.complete", {"return_value": Connected(ours)})

    assert -1 == ours.fileno()


def test_close_ends_a_pause() -> None:
    def script(asked: Asked) -> None:
        request_id = asked.request()
        asked.send(answer(request_id, "", b"Retry-After: 20", status=b"503 No"))

    with HostileServer(script) as server:
        client = Client(server.url)
        timer = threading.Timer(0.3, client.close)
        timer.start()
        began = time.monotonic()
        with pytest.raises(Closed):
            client.next(SHIPMENT)
        timer.join()

    assert time.monotonic() - began < 15


@pytest.mark.parametrize("script", [Asked.hang, head_drips])
def test_aclose_ends_the_calls_that_are_on_their_way(script: Callable[[Asked], None]) -> None:
    async def close_amid_a_call(server: HostileServer) -> None:
        client = AsyncClient(server.url, timeout=20)
        call = asyncio.create_task(client.next(SHIPMENT))
        await asyncio.to_thread(
            wait_until, lambda: server.connections == 1, seconds=10, what="the call"
        )
        await client.aclose()
        with pytest.raises(Closed):
            await asyncio.wait_for(call, 5)

    with HostileServer(script) as server:
        asyncio.run(close_amid_a_call(server))


def test_aclose_ends_the_calls_of_another_event_loop() -> None:
    caught: list[BaseException] = []
    with HostileServer(Asked.hang) as server:
        client = AsyncClient(server.url, timeout=20)

        async def call() -> None:
            with pytest.raises(Closed) as found:
                await client.next(SHIPMENT)
            caught.append(found.value)

        thread = threading.Thread(target=lambda: asyncio.run(call()))
        thread.start()
        wait_until(lambda: server.connections == 1, seconds=10, what="the call")
        asyncio.run(client.aclose())
        thread.join(5)
        # While the server still hangs.
        assert 1 == len(caught)
