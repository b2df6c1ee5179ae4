"""Connections that end well, as waitress's do not at a drain, and the threads that answer on them.

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

# Seconds that a draining server keeps a connection without a request. A client under load sends
# its next one within this time and is told to close; a client at rest is not waited for long.
IDLE_GRACE_SECONDS: Final = 0.5

# Seconds that a connection closed from this side is still read, and what comes thrown away. Data
# that meets a closed socket is answered with a reset, which may destroy an answer on its way.
LINGER_SECONDS: Final = 1.0

# Seconds that a request may take to come, from its first byte to its last. The time-out on a
# connection without a byte does not end a client that sends one now and then for ever.
REQUEST_SECONDS: Final = 30.0

log = logging.getLogger(__name__)


class _RequestTimeout(Error):
    code = 408
    reason = "Request Timeout"


class Channel(HTTPChannel):
    """One connection. `will_close` is waitress's word that it should be closed from this side."""

    task_class = ApplicationTask
    error_task_class = ProblemTask
    parser_class = Parser
    server: Any  # a Listener, whose module imports this one
    requests: list[Any]
    requests_lock: threading.Lock

    _pieces: list[Any] | None = None  # of an answer that is to be sent as one
    _coming_since: float | None = None  # monotonic seconds, of the request that is coming in
    _idle_since: float | None = None  # monotonic seconds; set only while draining

    has_asked = False
    """Whether a request has come on this connection."""

    @property
    def last_activity(self) -> float:
        """See waitress: when a byte last went through, here in monotonic seconds."""
        return self._active_at

    @last_activity.setter
    def last_activity(self, _time_of_day: float) -> None:
        # A clock put a day ahead would make every connection at rest look forgotten.
        self._active_at = time.monotonic()

    def received(self, data: bytes) -> bool:
        """See waitress: takes what has come, and notes since when a request has been coming."""
        taken: bool = super().received(data)
        if self.request is None:
            self._coming_since = None
            self.has_asked = True
        elif self._coming_since is None:
            self._coming_since = time.monotonic()
        return taken

    @contextmanager
    def one_piece(self) -> Iterator[None]:
        """Send what the thread writes within the block at once, at its end."""
        self._pieces = []
        try:
            yield
            pieces = self._pieces
        finally:
            self._pieces = None
        self.write_soon(b"".join(pieces))

    def write_soon(self, data: Any) -> int:
        """See waitress: takes what is to be sent. Called by the one thread that answers."""
        if self._pieces is None:
            return super().write_soon(data)
        self._pieces.append(data)
        return len(data)

    def give_up_if_slow(self, now: float) -> None:
        """Answer 408 where a request has been coming in for longer than REQUEST_SECONDS."""
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
        """Whether nothing has come in after the request that is being answered."""
        # The lock is held while a batch of pipelined requests is read, so all of it counts.
        with self.requests_lock:
            return len(self.requests) <= 1 and self.request is None

    def is_idle(self) -> bool:
        """Whether no request is coming in, being answered or being sent its answer."""
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
        """Close both sides now, whatever is unfinished, and wake a worker that waits to write."""
        super().handle_close()

    def handle_close(self) -> None:
        """Close; if it was not the client who began it, linger."""
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
    """Threads that answer requests, in the order in which these came.

    Waitress's own dispatcher takes 12 µs of CPU more for each request (20 instead of 8, CPython
    3.11), and warns in the log of every request that waits for a thread.
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
        """Have the channel's first request answered. The name is waitress's."""
        self._queue.put(channel)

    def stop(self, deadline: float) -> bool:
        """Finish what is queued and end the threads; False if one still runs at `deadline`."""
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
                # Waitress answers an Exception itself. The rest, SystemExit for one, would end
                # this thread for good and leave its client waiting.
                log.exception("a request was given up")
                channel.cancel()
                channel.server.pull_trigger()
