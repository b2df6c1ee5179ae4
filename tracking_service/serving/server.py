"""Waitress with a drain: `serve` answers requests until a signal, then finishes what it began.

Waitress drops its connections when it stops. Here the first SIGTERM or SIGINT closes the listening
sockets, and every request that has reached this process is answered. The last answer on a
connection says `Connection: close`, so that the client sends no other request. A connection without
a request is kept for a moment, because its client may be sending one, and is then closed cleanly,
so that the client may try again elsewhere.

Standards: https://www.rfc-editor.org/rfc/rfc9112#section-9.6 (closing a connection),
https://www.rfc-editor.org/rfc/rfc9457 (problem details).
Waitress: https://docs.pylonsproject.org/projects/waitress/
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.adjustments import Adjustments

from tracking_service.serving.connections import Channel, Lingering, Workers
from tracking_service.serving.listening import Listener, listen, url_of
from tracking_service.serving.options import OPTIONS, connection_limit
from tracking_service.serving.stopping import stop_signal, woken_by_signals

# Seconds between two checks of idle connections while draining; input wakes the loop at once.
TICK_SECONDS: Final = 0.05

log = logging.getLogger(__name__)


def serve(
    application: WSGIApplication,
    *,
    host: str,
    port: int,
    threads: int,
    drain_seconds: float,
    behind_proxy: bool = False,
    before_listening: Callable[[Callable[[], bool]], None] = lambda _stopping: None,
    on_listening: Callable[[str, int], None],
    on_draining: Callable[[], None],
) -> None:
    """Serve `application` until a signal, then drain; return when that is done.

    `before_listening` is called first, after signal handlers are set, with a function that returns
    whether a signal has come. If one has, `serve` returns without listening.

    `on_listening` is called once when connections are accepted, with the URL and the greatest
    number of connections. Port 0 is any free port, and the URL has the real one. `on_draining` is
    called once at the first SIGTERM or SIGINT, before any connection is closed; nothing is accepted
    or read until it returns. The drain ends when all connections are closed and all worker threads
    are idle, or after `drain_seconds`, when the remaining connections are cut.

    A second signal ends the process at once with status 128 + its number and no clean-up, because
    the clean-up may hang. Signals are handled only in the main thread; the previous handlers are
    back when `serve` returns.

    `behind_proxy`: X-Forwarded-* headers reach the application; otherwise they are removed.

    Raises SettingsError, naming HOST or PORT, if it cannot listen, and if the process may open too
    few files.
    """
    channels: dict[int, Any] = {}
    limit = connection_limit(threads)
    # Before anything is leased or listens, because a signal may come right after.
    with stop_signal() as stop:
        before_listening(lambda: stop.received)
        if stop.received:
            return
        sockets = listen(host, port)
        options = {
            **OPTIONS,
            "connection_limit": limit,
            "clear_untrusted_proxy_headers": not behind_proxy,
        }
        adjustments = Adjustments(sockets=sockets, **options)
        workers = Workers(threads)
        listeners = [
            Listener(application, channels, sock, workers, adjustments) for sock in sockets
        ]
        deadline = time.monotonic()
        wake = cast(Any, listeners[0].trigger).trigger
        try:
            with woken_by_signals(wake):
                on_listening(url_of(host, sockets[0].getsockname()[1]), limit)
                while not stop.received:
                    wasyncore.loop(adjustments.asyncore_loop_timeout, True, channels, count=1)
            deadline = time.monotonic() + drain_seconds
            for listener in listeners:
                listener.draining = True
            on_draining()
        finally:
            # After an error `deadline` has passed, so that this closes what is open.
            for listener in listeners:
                listener.stop_listening()
            drain(channels, deadline)
            # A worker that still runs may write to its listener's trigger. Its descriptor must stay
            # open, or its number could be that of a database connection by then.
            if workers.stop(deadline):
                for listener in listeners:
                    cast(Any, listener.trigger).close()


def drain(channels: dict[int, Any], deadline: float) -> None:
    """Run the loop until every connection is closed; cut those still open at `deadline`."""
    kinds = (Channel, Lingering)
    while still_open := [each for each in channels.values() if isinstance(each, kinds)]:
        now = time.monotonic()
        if now >= deadline:
            log.warning(
                "the drain time is over; connections were cut", extra={"open": len(still_open)}
            )
            for connection in still_open:
                connection.cut()
            return
        for connection in still_open:
            if isinstance(connection, Channel):
                connection.retire_if_idle(now)
        wasyncore.loop(min(TICK_SECONDS, deadline - now), True, channels, count=1)
