"""Waitress's options; those not here have waitress's defaults.

https://docs.pylonsproject.org/projects/waitress/en/latest/arguments.html
"""

import resource
from typing import Any, Final

from tracking_service.errors import SettingsError

OWN_DESCRIPTORS: Final = 64
"""File descriptors that the service needs besides its connections: some 15 when idle, and three for
each of a dozen connections to an SQLite file. A thread needs one more for an answer that is too
large for memory."""

LEAST_CONNECTIONS: Final = 16
"""A server that can take fewer connections does not start."""

OPTIONS: Final[dict[str, Any]] = {
    "ident": None,  # no Server header
    "backlog": 1024,  # connections that the kernel queues; it caps this at somaxconn
    "connection_limit": 800,  # open sockets at the most; see connection_limit
    "channel_timeout": 120,  # seconds without a byte; above the usual 60 of a load balancer, so
    # that the balancer closes an idle connection first and no request crosses the closing
    "cleanup_interval": 10,  # seconds between two checks for such connections
    "max_request_header_size": 16_384,  # bytes; the longest valid query takes about a quarter
    "max_request_body_size": 65_536,  # bytes, as BODY_BYTES_MOST in app.py: a test compares them
    "channel_request_lookahead": 0,  # requests read ahead; more, and one could arrive while the
    # answer before it is saying `Connection: close`
    "clear_untrusted_proxy_headers": True,  # any client may forge them; False behind a proxy
    "asyncore_use_poll": True,  # select() fails on descriptors above 1,023
    "asyncore_loop_timeout": 1,  # seconds between two checks of time-outs on a quiet server
    "log_socket_errors": True,  # if off, waitress swallows an application's OSError as well
    "expose_tracebacks": False,  # a 500 tells no internals
}


def connection_limit(threads: int) -> int:
    """Return how many sockets may be open at once under this process's limit on open files.

    Raises SettingsError if that leaves too few.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most: int = OPTIONS["connection_limit"]
    if files == resource.RLIM_INFINITY:
        return most
    own = OWN_DESCRIPTORS + threads
    if files < own + LEAST_CONNECTIONS:
        raise SettingsError(
            f"this process may open {files} files only (ulimit -n); with {threads} threads it"
            f" needs {own + LEAST_CONNECTIONS} at the least"
        )
    return min(most, files - own)
