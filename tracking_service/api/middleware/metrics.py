"""Gives each request an id, and counts, times and logs it. A request's trace id goes into the log.

This is the outermost WSGI middleware, so that it counts the fast path and Flask's routes alike. An
id comes from `X-Request-ID`, or is random. A counter would show callers how many requests there are.

Traces: https://www.w3.org/TR/trace-context/#traceparent-header
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.exposition import REQUESTS
from tracking_service.telemetry.logs import REQUEST_ID_HEADER, choose_id, request_id, trace_id

log = logging.getLogger(__name__)

ROUTE = "tracking.route"
"""Key of the WSGI environment that names the route: a rule, never the path, which the caller
chooses."""

NO_ROUTE = "other"

TRACEPARENT = "HTTP_TRACEPARENT"
"""Key of the WSGI environment that holds the header `traceparent`."""

_set_id = request_id.set
# Version, trace, parent, flags; a later version than 00 may have more behind these.
_read_traceparent = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?:(?<!00.{53})-[!-~]*)?"
).fullmatch


class MetricsMiddleware:
    """WSGI middleware around the whole app: gives each request its id; counts, times and logs it."""

    def __init__(
        self, application: WSGIApplication, counters: Counters, *, access_log: bool = False
    ) -> None:
        """`access_log`: write a line for each request."""
        self._application = application
        self._counters = counters
        self._access_log = access_log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request on; record it at the end of its response."""
        began = perf_counter()
        if not self._counters.has_joined:
            self._counters.join_workers(multiprocess=bool(environ.get("wsgi.multiprocess")))
        chosen = choose_id(environ.get("HTTP_X_REQUEST_ID"))
        _set_id(chosen)
        if TRACEPARENT in environ:
            trace_id.set(read_trace_id(environ[TRACEPARENT]))
        status = "500"

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status
            status = line[:3]
            headers.append((REQUEST_ID_HEADER, chosen))
            return start_response(line, headers, exc_info)

        try:
            body = self._application(environ, start)
        except BaseException:
            self._answered(environ, status, began)
            raise
        if type(body) is list:
            # A whole body: the fast path's. Flask's bodies are iterators.
            self._answered(environ, status, began)
            return body
        # Not a closure, which would make these variables slower for the fast path as well.
        return _Body(body, partial(self._answered_late, environ, lambda: status, began))

    def _answered_late(
        self, environ: WSGIEnvironment, status: Callable[[], str], began: float
    ) -> None:
        self._answered(environ, status(), began)

    def _answered(self, environ: WSGIEnvironment, status: str, began: float) -> None:
        route = environ.get(ROUTE, NO_ROUTE)
        seconds = perf_counter() - began
        self._counters.observe((REQUESTS, route, status), seconds)
        if self._access_log:
            _log_access(environ, route, status, seconds)
        _set_id(None)
        if TRACEPARENT in environ:
            trace_id.set(None)


class _Body:
    """A body in parts. Calls `finish` once, at its end or at its close."""

    def __init__(self, body: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._body = body
        self._parts = iter(body)
        self._finish = finish
        self._finished = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            self._end()
            raise

    def close(self) -> None:
        """Close the body; a server calls this at the end."""
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                close()
        finally:
            self._end()

    def _end(self) -> None:
        if not self._finished:
            self._finished = True
            self._finish()


def read_trace_id(traceparent: str) -> str | None:
    """Return the trace id of a `traceparent`, 32 hexadecimal digits; None if that is not sane."""
    match = _read_traceparent(traceparent)
    return None if match is None else match[1]


def _log_access(environ: WSGIEnvironment, route: str, status: str, seconds: float) -> None:
    # Without path and query, which contain customers' names and numbers.
    log.info(
        "answered",
        extra={
            "client": environ.get("REMOTE_ADDR"),
            "method": environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "?",
            "route": route,
            "status": int(status),
            "seconds": round(seconds, 6),
        },
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
