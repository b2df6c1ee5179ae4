"""Listening sockets, and why there are none."""

import errno
import ipaddress
import socket
from typing import Any

from tracking_service.errors import SettingsError
from tracking_service.serving.options import OPTIONS


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


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach a server at `host`; False where that is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


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
