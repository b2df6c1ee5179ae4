"""A TCP proxy between a client and a server that loses what a test tells it to lose.

One message, with the connection that it came on; or, as a black hole, everything from now on, or
from a log-in on: then connections are accepted, bytes are taken, and nothing ever comes back.
Nobody is told.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import Literal

from tests.support.lifetime import Lifetime
from tests.support.ports import HOST, free_port

Loss = Literal["request", "answer", "line"]
CHUNK = 65_536
# The beginning of PostgreSQL's ReadyForQuery message.
READY = b"Z\0\0\0\5"
# Seconds between two looks at whether the proxy is to end.
TICK = 0.1


class Proxy(Lifetime):
    r"""Forwards every connection to `upstream`, a port on the loopback address, until it is told
    otherwise. `upstream` may be changed: new connections go to the new one.

    `lose(b"COMMIT\0", "answer")` lets the next message with these bytes in it through, waits for
    the server's answer to it, and then drops the connection; "line" keeps that answer to itself
    and leaves the connection open, on which nothing passes any more; "request" drops it before
    the server has seen the message.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = free_port()
        self.losses = 0
        self.swallowing = False
        self.answers_left: int | None = None
        self.unanswered = 0
        """Requests that were taken on connections that pass nothing on."""
        self.ended = threading.Event()
        self._order: _Order | None = None
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._listener = socket.create_server((HOST, self.port), backlog=128)
        self._listener.settimeout(TICK)
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def lose(self, message: bytes, what: Loss, *, after: bytes | None = None) -> None:
        """Lose the next request that holds `message`, or the answer to it; only once.

        With `after`, the next whose connection has said that before it: of all that commit, one
        that inserted. `losses` counts those that are over, the answer taken.
        """
        with self._lock:
            self._order = _Order(message, what, after)

    def swallow(self) -> None:
        """Take every byte from now on, of old connections and new ones, and pass none on."""
        self.swallowing = True
        for line in self._lines:
            line.lost = True

    def mute(self, after: int) -> None:
        """Let new connections log in, and pass nothing after the server was ready `after` times.

        1 is after the log-in itself, as when PgBouncer is paused.
        """
        self.answers_left = after

    def forward(self) -> None:
        """Forward new connections again. Those from before have lost bytes, and stay lost."""
        self.swallowing = False
        self.answers_left = None

    def close(self) -> None:
        """End every connection; may be called twice."""
        self.ended.set()
        self._thread.join(10)
        for line in self._lines:
            line.thread.join(10)
        self._listener.close()

    def loss_of(self, data: bytes, line: _Line) -> Loss | None:
        """What of this request on `line` is to be lost; told once, however many lines ask."""
        with self._lock:
            order = self._order
            if order is None or not order.met_by(data, line):
                return None
            self._order = None
            return order.what

    def _accept(self) -> None:
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._lines = [line for line in self._lines if line.thread.is_alive()]
                self._lines.append(_Line(self, client))


@dataclass
class _Order:
    """What is to be lost, and on which lines it may be."""

    message: bytes
    what: Loss
    after: bytes | None
    primed: set[_Line] = field(default_factory=set)

    def met_by(self, data: bytes, line: _Line) -> bool:
        """Whether this request is the one that is meant."""
        if self.message not in data:
            if self.after is not None and self.after in data:
                self.primed.add(line)
            return False
        return self.after is None or line in self.primed


class _Line:
    """One connection through the proxy; `lost` for good where a part of it was swallowed."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.lost = proxy.swallowing
        self._proxy = proxy
        self._answers_left = proxy.answers_left
        self.thread = threading.Thread(target=self._run, args=(client,), name="line", daemon=True)
        self.thread.start()

    def _run(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.lost:
                # There is no way to the server, and nobody to say so.
                self._forward(client, None)
                return
            with socket.create_connection((HOST, self._proxy.upstream), timeout=5) as server:
                self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket | None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            if server is not None:
                selector.register(server, selectors.EVENT_READ, client)
            while not self._proxy.ended.is_set():
                for key, _ in selector.select(TICK):
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    data = source.recv(CHUNK)
                    if not data or (source is client and self._is_lost(data, server)):
                        return
                    self._proxy.unanswered += self.lost and source is client
                    if not self.lost and key.data is not None:
                        key.data.sendall(data)
                    if source is server and READY in data and self._answers_left is not None:
                        self._answers_left -= 1
                        self.lost = self._answers_left == 0

    def _is_lost(self, data: bytes, server: socket.socket | None) -> bool:
        """Whether the connection is to be dropped for what its client said just now."""
        if self.lost or server is None:
            return False
        what = self._proxy.loss_of(data, self)
        if what is None:
            return False
        try:
            if what != "request":
                server.sendall(data)
                server.recv(CHUNK)
        finally:
            self._proxy.losses += 1
        self.lost = what == "line"
        return not self.lost
