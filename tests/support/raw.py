"""Bytes to a server as they are, well-formed or not, and whatever comes back."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int]

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r\n")


@dataclass(frozen=True)
class Answer:
    """One answer out of a stream of them."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@contextlib.contextmanager
def connections(address: Address, count: int) -> Iterator[list[socket.socket]]:
    """So many connections to a server, open for as long as the block lasts."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(count)
        ]


def exchange(address: Address, data: bytes, *, seconds: float = 10.0) -> bytes:
    """Send `data`, and return all that comes back until the server closes.

    Raises TimeoutError where it does not within `seconds` of saying nothing.
    """
    with socket.create_connection(address, timeout=seconds) as connection:
        # A server that has heard enough may close before all is sent.
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def statuses(stream: bytes) -> list[int]:
    """The status of each answer in a stream."""
    return [int(status) for status in _STATUS.findall(stream)]


def answers(stream: bytes) -> list[Answer]:
    """Every answer in a stream; what breaks off in the middle is left out."""
    found = []
    file = io.BytesIO(stream)
    while file.tell() < len(stream):
        response = http.client.HTTPResponse(_Readable(file))
        try:
            response.begin()
            body = response.read()
        except (http.client.HTTPException, ValueError):
            break
        found.append(Answer(response.status, response.headers, body))
    return found


class _Readable(socket.socket):
    """What http.client takes for a socket: a stream that goes on after each answer."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def makefile(self, *_: Any, **__: Any) -> Any:
        return _Open(self._file)


class _Open:
    """A stream that http.client cannot close."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        return

    def flush(self) -> None:
        return
