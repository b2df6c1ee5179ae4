"""Listening sockets: how they are made, why one cannot be, and what is accepted from them."""

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

# Seconds that a full server spares a connection on which nothing is asked.
SPARED_SECONDS: Final = 1.0

# Seconds between two lines in the log that say that the server is full.
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
            # Waitress listens again; here an address in use is found while it can be told.
            sockets.append(
                socket.create_server(
                    (address[0], port, *address[2:]), family=family, backlog=OPTIONS["backlog"]
                )
            )
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


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach a server at `host`; False where that is not known."""
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
