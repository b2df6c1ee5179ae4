"""An open-loop client: sends at a fixed rate whatever the answers do, in a process of its own.

Latency counts from the moment at which a request was due, not from when it could be sent. A
client that waits for an answer before it asks again sends less the slower the server gets, and so
misses just the waiting that it is there to find ("coordinated omission"; wrk2 tells the story).

    python -m benchmarks.paced 127.0.0.1 8000 --rate 400 --seconds 5

prints one line of JSON. The requests are those of `tracking_service.client`; they are sent over
sockets of its own, because an HTTP library takes longer for a request than the service does, and it
would be that which is measured. https://github.com/giltene/wrk2
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.traffic import paths

DRAIN_SECONDS = 5.0
"""How long the last answers are waited for; what takes longer counts as failed."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Outcome:
    """What came of the requests; times in seconds."""

    latencies: list[float] = field(default_factory=list)
    """From due to answered, of each success."""
    failed: dict[str, int] = field(default_factory=dict)
    """How many were not answered as they should be, by what became of them."""
    late: float = 0.0
    """The longest that a request was held up by this client alone; should be near nothing."""

    def fail(self, how: str, times: int = 1) -> None:
        """Count a request, or several, as failed."""
        self.failed[how] = self.failed.get(how, 0) + times


class Connection:
    """One kept connection, with one request at a time, opened when it is needed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._received = b""
        self.due = 0.0

    def fileno(self) -> int:
        """For select()."""
        return -1 if self._socket is None else self._socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due then. Raises OSError."""
        self.due = due
        self._received = b""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=DRAIN_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)

    def receive(self) -> int | None:
        """Take what came; return the status once the answer is whole, 0 where it was cut off."""
        if self._socket is None:
            return 0
        try:
            piece = self._socket.recv(262_144)
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return 0
        self._received += piece
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or (length is not None and len(body) < int(length[1])):
            return None
        if length is None and not body.endswith(b"0\r\n\r\n"):
            return None
        if _CLOSE.search(head):
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """Close it; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Pacer:
    """Sends `rate` requests a second for `seconds`; a rate of 0 means as fast as answers come."""

    def __init__(self, connections: Sequence[Connection], requests: Sequence[bytes]) -> None:
        # In turn, so that none rests for so long that the server closes it.
        self._free = deque(connections)
        self._busy: list[Connection] = []
        self._requests = requests
        self._next = 0
        self.outcome = Outcome()

    def run(self, rate: float, seconds: float) -> Outcome:
        """To the end, and then until all is answered or `DRAIN_SECONDS` have gone by."""
        began = time.perf_counter() + 0.01
        waiting: deque[float] = deque()
        planned = round(rate * seconds)
        scheduled = 0
        while True:
            now = time.perf_counter()
            if rate:
                while scheduled < planned and began + scheduled / rate <= now:
                    waiting.append(began + scheduled / rate)
                    scheduled += 1
            elif now < began + seconds:
                waiting.extend([now] * len(self._free))
            self._send(waiting, now)
            over = scheduled >= planned if rate else now >= began + seconds
            if over and not waiting and not self._busy:
                break
            if now > began + seconds + DRAIN_SECONDS:
                self.outcome.fail("not answered in time", len(waiting) + len(self._busy))
                break
            pause = 0.1 if over else max(0.0, began + scheduled / (rate or 1e9) - now)
            self._receive(min(pause, 0.1))
        return self.outcome

    def _send(self, waiting: deque[float], now: float) -> None:
        held_up = not self._free
        while waiting and self._free:
            due = waiting.popleft()
            connection = self._free.popleft()
            if not held_up:
                self.outcome.late = max(self.outcome.late, now - due)
            try:
                connection.send(self._requests[self._next % len(self._requests)], due)
            except OSError:
                self.outcome.fail("not sent")
                connection.close()
                self._free.append(connection)
            else:
                self._busy.append(connection)
            self._next += 1

    def _receive(self, seconds: float) -> None:
        # select() alone takes a time-out in microseconds; poll() and epoll() would round it up to
        # a millisecond, which is longer than an answer takes.
        ready, _, _ = select.select(self._busy, [], [], seconds)
        for connection in ready:
            status = connection.receive()
            if status is None:
                continue
            if 200 <= status < 300:
                self.outcome.latencies.append(time.perf_counter() - connection.due)
            else:
                self.outcome.fail(f"answered {status}" if status else "cut off")
            self._busy.remove(connection)
            self._free.append(connection)


def request(host: str, path: str) -> bytes:
    """The bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode()


def main(arguments: Sequence[str]) -> int:
    """Run as told by the command line, and print the outcome."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paced")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=400.0, help="a second; 0: flat out")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args(arguments)
    connections = [Connection(given.host, given.port) for _ in range(given.connections)]
    requests = [request(given.host, path) for path in paths()]
    outcome = Pacer(connections, requests).run(given.rate, given.seconds)
    for connection in connections:
        connection.close()
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
