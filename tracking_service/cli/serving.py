"""Waitress with a drain: `serve` answers requests until a signal, then finishes what it began.

Waitress alone drops its connections when it is told to stop. Here the first SIGTERM or SIGINT
closes the listening socket and lets every request that has reached this process be answered; each
last answer on a connection says `Connection: close`, so that a client knows not to send another.
A connection without a request is kept for a moment, because its client may be sending one just
now, and is then closed so that the client reads a clean end and may try again elsewhere.

Standards: https://www.rfc-editor.org/rfc/rfc9112#section-9.6 (closing a connection),
https://www.rfc-editor.org/rfc/rfc9457 (problem details).
Waitress: https://docs.pylonsproject.org/projects/waitress/
"""

import errno
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final, cast
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

from tracking_service.errors import SettingsError

OPTIONS: Final[dict[str, Any]] = {
    "ident": None,  # no Server header: what runs here is nobody's business
    "backlog": 1024,  # connections the kernel holds for us in a burst; it caps this at somaxconn
    "connection_limit": 800,  # open sockets; the usual 1,024 descriptors leave the database some
    "channel_timeout": 120,  # seconds without a byte; above the usual 60 of a load balancer, so
    # that the balancer closes an idle connection first and no request crosses the closing
    "cleanup_interval": 10,  # seconds between looks for such connections
    "max_request_header_size": 16_384,  # bytes; the longest valid query takes about a quarter
    "max_request_body_size": 65_536,  # bytes; no route reads a body, a small one is let pass
    "channel_request_lookahead": 0,  # requests read ahead; more, and one could arrive while the
    # answer before it is saying `Connection: close`
    "clear_untrusted_proxy_headers": True,  # no proxy is trusted, so none can be played
    "asyncore_use_poll": True,  # select() fails on descriptors above 1,023
    "asyncore_loop_timeout": 1,  # seconds until time-outs are looked at on a quiet server
    "log_socket_errors": True,  # if off, waitress swallows an application's OSError as well
    "expose_tracebacks": False,  # a 500 tells no internals
}

# Seconds that a draining server keeps a connection without a request. A client under load sends
# its next one within this time and is told to close; a client at rest is not waited for long.
IDLE_GRACE_SECONDS: Final = 0.5

# Seconds that a connection closed from this side is still read, and what comes thrown away. Data
# that meets a closed socket is answered with a reset, which may destroy an answer on its way.
LINGER_SECONDS: Final = 1.0

# Seconds between two looks at idle connections while draining; input wakes the loop at once.
TICK_SECONDS: Final = 0.05

# Constant texts, because waitress's own repeat parts of the request.
DETAILS: Final = {
    400: "The request is not well-formed HTTP.",
    413: "The request's body is too large.",
    431: "The request line and the header fields together are too large.",
    500: "The server failed to answer this request.",
    501: "The request's transfer coding is not supported.",
}

_logger = logging.getLogger(__name__)


def serve(
    application: WSGIApplication,
    *,
    host: str,
    port: int,
    threads: int,
    drain_seconds: float,
    on_listening: Callable[[str], None],
    on_draining: Callable[[], None],
) -> None:
    """Serve `application` until a signal, then drain; return when that is done.

    `on_listening` is called once with the URL, when connections are accepted; port 0 is any free
    port, and the URL has the real one. `on_draining` is called once at the first SIGTERM or
    SIGINT, before any connection is closed; nothing is accepted or read until it returns. The
    drain ends when every connection is closed and every worker thread at rest, or
    `drain_seconds` after the signal: what is unfinished then is cut off.

    A second signal ends the process at once with status 128 + its number and no clean-up, because
    the clean-up may be what hangs. Signals are handled only where this runs in the main thread;
    the handlers that were there before are back when it returns.

    Raises SettingsError, naming HOST or PORT, where it cannot listen.
    """
    sockets = _listen(host, port)
    channels: dict[int, Any] = {}
    adjustments = Adjustments(sockets=sockets, **OPTIONS)
    workers = _Workers(threads)
    listeners = [_Listener(application, channels, sock, workers, adjustments) for sock in sockets]
    deadline = time.monotonic()
    with _stop_signal(channels) as stop:
        try:
            on_listening(_url(host, sockets[0].getsockname()[1]))
            while not stop.received:
                _turn(channels, adjustments.asyncore_loop_timeout)
            deadline = time.monotonic() + drain_seconds
            for listener in listeners:
                listener.draining = True
            on_draining()
        finally:
            # After an error, with no time left, this closes what is open.
            for listener in listeners:
                listener.stop_listening()
            _drain(channels, deadline)
            # A worker that is still at it may yet write to its listener's trigger: the descriptor
            # must not be closed, lest its number be given to, say, a database connection.
            if workers.stop(deadline):
                for listener in listeners:
                    cast(Any, listener.trigger).close()


def _turn(channels: dict[int, Any], timeout: float) -> None:
    """Wait for input, `timeout` seconds at most, and handle it."""
    wasyncore.loop(timeout, use_poll=True, map=channels, count=1)


def _drain(channels: dict[int, Any], deadline: float) -> None:
    """Turn until every connection is closed; cut off those that are open at `deadline`."""
    kinds = (_Channel, _Lingering)
    while still_open := [each for each in channels.values() if isinstance(each, kinds)]:
        now = time.monotonic()
        if now >= deadline:
            _logger.warning("drain time is over, connections cut: %d", len(still_open))
            for connection in still_open:
                connection.cut()
            return
        for connection in still_open:
            if isinstance(connection, _Channel):
                connection.retire_if_idle(now)
        _turn(channels, min(TICK_SECONDS, deadline - now))


class _Workers:
    """Threads that answer requests, in the order in which these came.

    In place of waitress's own dispatcher, which writes a warning for every request that has to
    wait for a thread, and whose shutdown goes by wall time.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[HTTPChannel | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add_task(self, channel: HTTPChannel) -> None:
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
                _logger.exception("a request was given up")
                channel.cancel()
                channel.server.pull_trigger()


class _WsgiTask(WSGITask):
    channel: "_Channel"
    request: Any

    def build_response_header(self) -> bytes:
        if self.channel.server.draining and self.channel.on_last_request():
            # As if the client had asked for it: so waitress closes after HTTP/1.0 and 1.1 alike.
            self.request.headers["CONNECTION"] = "close"
        return super().build_response_header()


class _ProblemTask(ErrorTask):
    """Waitress's own errors, bad HTTP for most, in the form of all the others."""

    request: Any

    def execute(self) -> None:
        self.request.error = _Problem(self.request.error)
        super().execute()


class _Problem:
    """Stands in for a `waitress.utilities.Error`."""

    def __init__(self, error: Any) -> None:
        self._status: int = error.code
        self._title: str = error.reason

    def to_response(self, _ident: str | None) -> tuple[str, list[tuple[str, str]], bytes]:
        problem = {
            "type": "about:blank",
            "title": self._title,
            "status": self._status,
            "detail": DETAILS.get(self._status, self._title),
        }
        headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
        return f"{self._status} {self._title}", headers, json.dumps(problem).encode()


class _Channel(HTTPChannel):
    """One connection. `will_close` is waitress's word that it should be closed from this side."""

    task_class = _WsgiTask
    error_task_class = _ProblemTask
    server: "_Listener"
    requests_lock: threading.Lock

    _idle_since: float | None = None  # monotonic seconds; set only while draining

    def on_last_request(self) -> bool:
        """Whether nothing has come in after the request that is being answered."""
        # The lock is held while a batch of pipelined requests is read, so all of it counts.
        with self.requests_lock:
            return len(self.requests) <= 1 and self.request is None

    def retire_if_idle(self, now: float) -> None:
        """Close this side if no request has come for IDLE_GRACE_SECONDS; else note the time."""
        if self.requests or self.request is not None or self.writable():
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
        _Lingering(sock, self.server.channels)

    def _has_input(self) -> bool:
        try:
            return self.socket is not None and bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing there, or no connection any more
            return False


class _Lingering(wasyncore.dispatcher):
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


class _Listener(TcpWSGIServer):
    """A listening socket and what waitress hangs on it; its channels outlive its listening."""

    channel_class = _Channel
    draining = False

    def __init__(
        self,
        application: WSGIApplication,
        channels: dict[int, Any],
        sock: socket.socket,
        workers: _Workers,
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


class _StopSignal(wasyncore.dispatcher):
    """`received` is whether SIGTERM or SIGINT has come. Its socket wakes the loop when one does.

    The interpreter writes to that socket from within the signal handler proper, so that a signal
    just before the loop goes to sleep wakes it too: a Python handler would run only afterwards.
    """

    received = False

    def __init__(self, channels: dict[int, Any]) -> None:
        reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        super().__init__(reader, channels)

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.recv(4096)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = True

    def close(self) -> None:
        super().close()
        self.writer.close()


@contextmanager
def _stop_signal(channels: dict[int, Any]) -> Iterator[_StopSignal]:
    """Handle the signals, if this is the main thread, and put the former handlers back."""
    stop = _StopSignal(channels)
    try:
        if threading.current_thread() is not threading.main_thread():
            yield stop
            return
        wakeup = signal.set_wakeup_fd(stop.writer.fileno(), warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, stop.on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield stop
        finally:
            for number, handler in handlers.items():
                # None: not set from Python, so that Python cannot set it again.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            signal.set_wakeup_fd(wakeup)
    finally:
        stop.close()


def _url(host: str, port: int) -> str:
    """Return the URL of a server.

    >>> _url("::1", 8000)
    'http://[::1]:8000'
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen at every address that `host` stands for on this machine, at one and the same port."""
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"HOST {host!r} cannot be resolved to an address") from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            sockets.append(_listen_at(family, (address[0], port, *address[2:])))
        except OSError as error:
            # `localhost` may name ::1 where IPv6 is switched off.
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                absent = error
                continue
            for sock in sockets:
                sock.close()
            raise _refusal(host, port, error) from error
        port = sockets[0].getsockname()[1]
    if not sockets and absent is not None:
        raise _refusal(host, port, absent) from absent
    return sockets


def _listen_at(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # So that a restart need not wait for the former instance's last connections to expire.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        # Waitress listens again; here an address in use is found out while it can be told.
        sock.listen(OPTIONS["backlog"])
    except BaseException:
        sock.close()
        raise
    return sock


def _refusal(host: str, port: int, error: OSError) -> SettingsError:
    match error.errno:
        case errno.EADDRINUSE:
            return SettingsError(f"PORT {port} is in use already at HOST {host}")
        case errno.EACCES | errno.EPERM:
            return SettingsError(f"PORT {port} at HOST {host} may not be listened on by this user")
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return SettingsError(f"HOST {host!r} is not an address of this machine")
    return SettingsError(f"HOST {host} and PORT {port} cannot be listened on: {error.strerror}")
