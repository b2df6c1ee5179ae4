"""A server that says what it likes: a script for each of its connections, byte by byte.

with HostileServer(script) as server:
    Client(server.url).next(SHIPMENT)
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_ID = re.compile(rb"\r\nx-request-id: *([^\r]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Asked:
    """One connection, as the server sees it."""

    def __init__(self, connection: socket.socket, server: HostileServer) -> None:
        self._connection = connection
        self._server = server
        self._buffer = b""

    def request(self) -> bytes | None:
        """The id of the next request, once all of it has come; None where no other comes."""
        while b"\r\n\r\n" not in self._buffer:
            part = self._connection.recv(65_536)
            if not part:
                return None
            self._buffer += part
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        wanted = int(length[1]) if length else 0
        while len(rest) < wanted:
            rest += self._connection.recv(65_536)
        self._buffer = rest[wanted:]
        self._server.heads.append(head)
        found = _ID.search(head)
        return found[1] if found else b""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte every twentieth of a second, until the server is stopped."""
        for each in data:
            if self._server.stopped.wait(0.05):
                return
            self.send(bytes([each]))

    def hang(self) -> None:
        """Say nothing until the server is stopped."""
        self._server.stopped.wait(30)

    def number(self) -> str:
        """A number that was in no answer before."""
        return f"MYID{next(self._server.serials):012}"


def answer(
    request_id: bytes | None,
    number: str,
    *headers: bytes,
    status: bytes = b"200 OK",
    body: bytes | None = None,
) -> bytes:
    """An answer with a number; `headers` are lines without their ends."""
    written = {"tracking_number": number, "created_at": "2026-11-25T06:08:59+08:00"}
    content = json.dumps(written).encode() if body is None else body
    lines = [b"HTTP/1.1 " + status, *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-")) for line in headers):
        lines.append(b"Content-Length: %d" % len(content))
    if request_id is not None:
        lines.append(b"X-Request-ID: " + request_id)
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


class HostileServer:
    """Calls `script` with each connection, in a thread of its own."""

    def __init__(self, script: Callable[[Asked], object]) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.stopped = threading.Event()
        self.serials = itertools.count(1)
        self.connections = 0
        self.heads: list[bytes] = []
        """The heads of the requests that have come."""
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        # Not close, which does not wake an accept.
        self._socket.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._talk, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._script(Asked(connection, self))
