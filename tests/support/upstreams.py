"""Servers that behave badly behind a proxy, and note what they were asked."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Literal

from tests.support.lifetime import Lifetime
from tests.support.load import Address
from tests.support.ports import HOST, free_port

Manner = Literal["reset", "silence", "answer", "refuse"]
"""What comes of a request: the connection is reset, nothing, `ok`, or a 503."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"


class Upstream(Lifetime):
    """Reads each request and then resets the connection, says nothing, answers `ok`, or refuses."""

    def __init__(self, manner: Manner, *, port: int | None = None) -> None:
        self.address: Address = (HOST, port or free_port())
        self.requests: list[bytes] = []
        self._manner = manner
        self._ended = threading.Event()
        self._listener = socket.create_server(self.address)
        self._listener.settimeout(0.1)
        self._thread = threading.Thread(target=self._serve, name="upstream", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.ExitStack() as silent:
            while not self._ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    silent.enter_context(connection)
                    self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            if not (data := connection.recv(65_536)):
                return
            request += data
        self.requests.append(request)
        if self._manner == "answer":
            connection.sendall(ANSWER)
        if self._manner == "refuse":
            connection.sendall(REFUSAL)
        if self._manner == "reset":
            # Closed with nothing to linger for, a socket resets its connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._manner != "silence":
            connection.close()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)
        self._listener.close()


class Vanished(Lifetime):
    """An address that neither takes nor refuses a connection, as a machine that is gone."""

    def __init__(self) -> None:
        self.address: Address = (HOST, free_port())
        self._listener = socket.create_server(self.address, backlog=0)
        # Nobody accepts. Linux drops whatever comes to a queue that is full, and says nothing.
        self._queued = [socket.socket() for _ in range(2)]
        for each in self._queued:
            each.setblocking(False)
            each.connect_ex(self.address)

    def close(self) -> None:
        for each in [*self._queued, self._listener]:
            each.close()
