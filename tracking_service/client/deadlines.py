"""Ends what `Client` waits for: an attempt whose time is up, and all of them when it is closed.

The HTTP library bounds each wait for the network, and not their sum: a server that sends a byte now
and then holds an attempt for ever. Its `trace` extension passes each connection that it makes; here
these get waits that end with the attempt, and can be woken.
https://www.encode.io/httpcore/extensions/#trace
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tracking_service.client.errors import Closed


class Deadlines:
    """The connections of one client, and how long each thread may wait for its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._here = threading.local()
        self._sockets: list[socket.socket] = []
        # A signal's handler may call amid a call of its thread.
        self._lock = threading.RLock()
        self._closed = False

    @property
    def nested(self) -> bool:
        """Whether this thread is amid an attempt: the caller is a signal's handler."""
        return getattr(self._here, "ends_at", None) is not None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound what this thread waits for in the block. TimeoutError is raised when it is over."""
        here = self._here
        before: float | None = getattr(here, "ends_at", None)
        here.ends_at = self._clock() + seconds
        try:
            yield
        finally:
            here.ends_at = before

    def left(self) -> float:
        """Return the seconds that this thread's attempt has left. Raises OSError, Closed."""
        if self._closed:
            raise Closed("the client was closed amid the call")
        ends_at: float | None = getattr(self._here, "ends_at", None)
        if ends_at is None:
            # In a forked child: what comes now is the answer to the parent.
            raise ConnectionAbortedError("the process was forked amid the attempt")
        left = ends_at - self._clock()
        if left <= 0:
            raise TimeoutError("the answer took longer than the time-out")
        return left

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take part in what the HTTP library does; it calls this."""
        step, _, state = event.partition(".")[2].partition(".")
        if state == "started" and "timeout" in info:
            # To connect, and to begin with TLS. The library uses this dictionary afterwards.
            info["timeout"] = self.left()
        elif state == "complete" and step in _CONNECTED:
            self._watch(info["return_value"])

    def end_all(self) -> None:
        """Wake every thread that waits for a connection, and let none wait again."""
        with self._lock:
            self._closed = True
            for each in self._sockets:
                with suppress(OSError):
                    # Not SSLSocket's own, which would make what is still read plain text.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
            self._sockets = []

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent: waking them would end them there."""
        self._here = threading.local()
        self._sockets = []
        self._lock = threading.RLock()

    def _watch(self, stream: Any) -> None:
        read, write = stream.read, stream.write

        # In place of the library's own `timeout`, which is the whole attempt's for each wait.
        def read_in_time(max_bytes: int, timeout: float | None = None) -> Any:  # noqa: ARG001
            return read(max_bytes, self.left())

        def write_in_time(buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG001
            write(buffer, self.left())

        stream.read, stream.write = read_in_time, write_in_time
        connected = stream.get_extra_info("socket")
        with self._lock:
            if isinstance(connected, socket.socket):
                open_ones = [each for each in self._sockets if each.fileno() >= 0]
                self._sockets = [*open_ones, connected]
        try:
            self.left()
        except BaseException:
            # The library does not have it yet, and would not close it.
            stream.close()
            raise


_CONNECTED = {"connect_tcp", "connect_unix_socket", "start_tls"}
