"""Connections that close without losing a request or an answer, and the threads that answer.

https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.utilities import Error

from tracking_service.serving.messages import ApplicationTask, Parser, ProblemTask

# Seconds that a draining server keeps a connection without a request. A busy client sends its next
# request within this time, and its answer says `Connection: close`.
IDLE_GRACE_SECONDS: Final = 0.5

# Seconds that a connection is still read, and the data thrown away, after this side has closed it.
# Data that meets a closed socket causes a reset, which may destroy an answer on its way.
LINGER_SECONDS: Final = 1.0

# Seconds from the first byte of a request to its last. The time-out of an idle connection does not
# end a client that sends a byte now and then for ever.
REQUEST_SECONDS: Final = 30.0

log = logging.getLogger(__name__)


class _RequestTimeout(Error):
    code = 408
    reason = "Request Timeout"


class Channel(HTTPChannel):
    """One connection. Waitress sets `will_close` when the server is to close it."""

    task_class = ApplicationTask
    error_task_class = ProblemTask
    parser_class = Parser
    server: Any  # a Listener, whose module imports this one
    requests: list[Any]
    requests_lock: threading.Lock

    _pieces: list[Any] | None = None  # of an answer, to be sent together
    _coming_since: float | None = None  # monotonic seconds: when the present request began
    _idle_since: float | None = None  # monotonic seconds; set only while draining

    has_asked = False
    """Whether a whole request has arrived on this connection."""

    @property
    def last_activity(self) -> float:
        """See waitress: when a byte was last received or sent, in monotonic seconds."""
        return self._active_at

    @last_activity.setter
    def last_activity(self, _time_of_day: float) -> None:
        # By the time of day, a clock set ahead would time out every idle connection.
        self._active_at = time.monotonic()

    def received(self, data: bytes) -> bool:
        """See waitress: takes data, and notes when a request began."""
        taken: bool = super().received(data)
        if self.request is None:
            self._coming_since = None
            self.has_asked = True
        elif self._coming_since is None:
            self._coming_since = time.monotonic()
        return taken

    @contextmanager
    def one_piece(self) -> Iterator[None]:
        """Send what the thread writes in the block together, at its end."""
        self._pieces = []
        try:
            yield
            pieces = self._pieces
        finally:
            self._pieces = None
        self.write_soon(b"".join(pieces))

    def write_soon(self, data: Any) -> int:
        """See waitress: takes data to send. Only the thread that answers calls it."""
        if self._pieces is None:
            return super().write_soon(data)
        self._pieces.append(data)
        return len(data)

    def give_up_if_slow(self, now: float) -> None:
        """Answer 408 if the present request began more than REQUEST_SECONDS ago."""
        with self.requests_lock:
            request, since = self.request, self._coming_since
            if request is None or since is None or now - since < REQUEST_SECONDS:
                return
            request.error = _RequestTimeout("")
            request.completed = True
            self.request = self._coming_since = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def on_last_request(self) -> bool:
        """Whether nothing has arrived after the request that is being answered."""
        # The lock is held while pipelined requests are read, so that all of them count.
        with self.requests_lock:
            return len(self.requests) <= 1 and self.request is None

    def is_idle(self) -> bool:
        """Whether no request is being read, answered or sent its answer."""
        return not (self.requests or self.request is not None or self.writable())

    def retire_if_idle(self, now: float) -> None:
        """Close this side if no request has come for IDLE_GRACE_SECONDS; else note the time."""
        if not self.is_idle():
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since >= IDLE_GRACE_SECONDS and not self._has_input():
            self.will_close = True
            self.handle_close()

    def cut(self) -> None:
        """Close both sides now, and wake a worker that waits to write."""
        super().handle_close()

    def handle_close(self) -> None:
        """Close the connection; if the server began it, linger."""
        sock = self.socket
        if not self.will_close or sock is None:
            self.cut()
            return
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # the client has gone
            self.cut()
            return
        self.socket = None
        self.cut()
        Lingering(sock, self.server.channels)

    def _has_input(self) -> bool:
        try:
            return self.socket is not None and bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing there, or no connection any more
            return False


class Lingering(wasyncore.dispatcher):
    """A connection closed from this side, read until the client closes its own."""

    def __init__(self, sock: socket.socket, channels: dict[int, Any]) -> None:
        super().__init__(sock, channels)
        self.connected = True
        self._until = time.monotonic() + LINGER_SECONDS

    def cut(self) -> None:
        self.close()

    def writable(self) -> bool:
        return time.monotonic() >= self._until

    def handle_write(self) -> None:
        self.close()

    def handle_read(self) -> None:
        try:
            self.recv(65_536)  # at the client's end this calls handle_close
        except OSError:
            self.close()

    def handle_close(self) -> None:
        self.close()


class Workers:
    """Threads that answer requests, in the order of arrival.

    Waitress's own dispatcher costs a request 12 µs of CPU more (20 instead of 8, CPython 3.11), and
    logs a warning for every request that waits for a thread.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[Channel | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add_task(self, channel: Channel) -> None:
        """Queue the channel, so that its first request is answered. The name is waitress's."""
        self._queue.put(channel)

    def stop(self, deadline: float) -> bool:
        """Finish the queue and end the threads; return False if one still runs at `deadline`."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (channel := self._queue.get()) is not None:
            try:
                channel.service()
            except BaseException:
                # Waitress answers an Exception itself. Any other, such as SystemExit, would end
                # this thread and leave its client waiting.
                log.exception("a request was given up")
                channel.cancel()
                channel.server.pull_trigger()
