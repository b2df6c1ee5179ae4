"""Listening sockets: makes them, explains why one cannot be made, and accepts connections."""

import errno
import ipaddress
import logging
import os
import socket
import sys
import time
from typing import Any, Final, cast
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from tracking_service.errors import SettingsError
from tracking_service.serving.connections import Channel, Workers
from tracking_service.serving.options import OPTIONS

# Seconds before a full server closes an idle connection.
SPARED_SECONDS: Final = 1.0

# Seconds between two log lines about a full server.
REPORT_SECONDS: Final = 60.0

# The kernel, or this process, has no room for another connection.
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


def url_of(host: str, port: int) -> str:
    """Return the URL of a server.

    >>> url_of("::1", 8000)
    'http://[::1]:8000'
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of `host`, all with the same port. Raises SettingsError."""
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
            # Waitress listens again; here an address in use can still be reported.
            sockets.append(
                socket.create_server(
                    (address[0], port, *address[2:]), family=family, backlog=OPTIONS["backlog"]
                )
            )
        except OSError as error:
            # `localhost` may include ::1 though IPv6 is off.
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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at `host`; False if that is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def _refusal(host: str, port: int, error: OSError) -> SettingsError:
    match error.errno:
        case errno.EADDRINUSE:
            return SettingsError(f"PORT {port} is in use already at HOST {host}")
        case errno.EACCES | errno.EPERM:
            return SettingsError(f"PORT {port} at HOST {host} may not be listened on by this user")
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return SettingsError(f"HOST {host!r} is not an address of this machine")
    return SettingsError(
        f"HOST {host} and PORT {port} cannot be listened on: {os.strerror(error.errno or 0)}"
    )


class Listener(TcpWSGIServer):
    """A listening socket as waitress has it; its channels go on when it no longer listens."""

    channel_class = Channel
    draining = False
    next_channel_cleanup = sys.maxsize  # waitress's own maintenance, by the time of day: never
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
        """See waitress: whether to accept. Does the maintenance by the monotonic clock."""
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
        """See waitress: accept a connection; None if there is no room for one."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            # The socket stays readable: without a pause the loop would spin.
            self._make_room(time.monotonic())
            return None

    def _make_room(self, now: float) -> None:
        """Accept nothing for a moment, and close idle connections.

        First all that never had a request; if there are none, those idle for the longest time.
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
                # Without lingering, which would keep the descriptor: no answer is being sent.
                channel.cut()
            return
        idle.sort(key=lambda channel: channel.last_activity)
        for channel in idle[: max(1, self.adj.connection_limit // 20)]:
            channel.will_close = True

    def maintenance(self, now: float) -> None:
        """See waitress: closes connections that timed out, at `now` in monotonic seconds."""
        super().maintenance(cast(Any, now))
        for channel in list(cast(dict[int, Channel], self.active_channels).values()):
            channel.give_up_if_slow(now)

    def stop_listening(self) -> None:
        """Accept the connections that the kernel has queued, then listen no more."""
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
