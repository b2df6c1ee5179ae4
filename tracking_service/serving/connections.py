"""Connections that end well: what waitress's channels lack for a drain.

https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import errno
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.utilities import Error

from tracking_service.serving.parsing import Parser
from tracking_service.serving.tasks import ApplicationTask, ProblemTask
from tracking_service.serving.workers import Workers

# Seconds that a draining server keeps a connection without a request. A client under load sends
# its next one within this time and is told to close; a client at rest is not waited for long.
IDLE_GRACE_SECONDS: Final = 0.5

# Seconds that a connection closed from this side is still read, and what comes thrown away. Data
# that meets a closed socket is answered with a reset, which may destroy an answer on its way.
LINGER_SECONDS: Final = 1.0

# Seconds that a request may take to come, from its first byte to its last. The time-out on a
# connection without a byte does not end a client that sends one now and then for ever.
REQUEST_SECONDS: Final = 30.0

# Seconds that a full server spares a connection on which nothing is asked.
SPARED_SECONDS: Final = 1.0

# Seconds between two lines in the log that say that the server is full.
REPORT_SECONDS: Final = 60.0

# The kernel, or this process, has no room for another connection.
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


class _RequestTimeout(Error):
    code = 408
    reason = "Request Timeout"


class Channel(HTTPChannel):
    """One connection. `will_close` is waitress's word that it should be closed from this side."""

    task_class = ApplicationTask
    error_task_class = ProblemTask
    parser_class = Parser
    server: "Listener"
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
                self.server.add_task(cast(Any, self))

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


class Listener(TcpWSGIServer):
    """A listening socket and what waitress hangs on it; its channels outlive its listening."""

    channel_class = Channel
    draining = False
    next_channel_cleanup = sys.maxsize  # waitress's own, by the time of day: never
    # In monotonic seconds.
    _next_maintenance = 0.0
    _accepts_again_at = 0.0
    _next_report = 0.0

    def __init__(
        self,
        application: WSGIApplication,
        channels: dict[int, Any],
        sock: socket.socket,
        workers: Workers,
        adjustments: Adjustments,
    ) -> None:
        super().__init__(
            application,
            channels,
            _sock=sock,
            dispatcher=cast(Any, workers),
            adj=adjustments,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            bind_socket=False,
        )
        self.channels = channels

    def readable(self) -> bool:
        """See waitress: whether to accept. Looks after connections by the monotonic clock."""
        now = time.monotonic()
        if now >= self._next_maintenance:
            self._next_maintenance = now + self.adj.cleanup_interval
            self.maintenance(now)
        if not self.accepting or now < self._accepts_again_at:
            return False
        if len(self.channels) < self.adj.connection_limit:
            return True
        self._make_room(now)
        return False

    def accept(self) -> tuple[socket.socket, Any] | None:
        """See waitress: take a connection from the kernel, if there is room for one."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            # The connection stays with the kernel and the socket readable: without a pause the
            # loop would spin.
            self._make_room(time.monotonic())
            return None

    def _make_room(self, now: float) -> None:
        """Accept nothing for a moment, and close connections on which nothing is asked.

        First all that have never asked; where there are none, those that asked the longest ago.
        """
        self._accepts_again_at = now + 0.1
        if now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            log.warning(
                "the connection limit is reached; new connections wait, and idle ones are closed",
                extra={"open": len(self.channels), "limit": self.adj.connection_limit},
            )
        idle = [
            channel
            for channel in self.channels.values()
            if isinstance(channel, Channel)
            and now - channel.last_activity >= SPARED_SECONDS
            and channel.is_idle()
        ]
        if mute := [channel for channel in idle if not channel.has_asked]:
            for channel in mute:
                # Without lingering, which would keep the descriptor: no answer is on its way.
                channel.cut()
            return
        idle.sort(key=lambda channel: channel.last_activity)
        for channel in idle[: max(1, self.adj.connection_limit // 20)]:
            channel.will_close = True

    def maintenance(self, now: float) -> None:
        """See waitress: looks after connections, at `now` in monotonic seconds."""
        super().maintenance(cast(Any, now))
        for channel in list(cast(dict[int, Channel], self.active_channels).values()):
            channel.give_up_if_slow(now)

    def stop_listening(self) -> None:
        """Take in the connections that the kernel has accepted, then refuse any more."""
        self.draining = True
        if self.socket is None:
            return
        for _ in range(self.adj.backlog):
            before = len(self.channels)
            self.handle_accept()
            now = len(self.channels)
            if now == before or now >= self.adj.connection_limit:
                break
        # Not self.close(): that would close the trigger, which the open channels still need.
        wasyncore.dispatcher.close(self)
