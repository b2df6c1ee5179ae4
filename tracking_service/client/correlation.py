"""The ids that join a caller's request with the service's logs and traces.

A client sends `X-Request-ID` with every request, and `traceparent` if there is one.
https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

_is_request_id = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
_is_traceparent = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def correlate(*, request_id: str | None = None, traceparent: str | None = None) -> Iterator[None]:
    """Send these ids with every call that this thread, or this task, makes in the block.

    They may come from a stranger's request: one that has not the right form is not sent.
    """
    valid_id = request_id if request_id and _is_request_id(request_id) else None
    valid_parent = traceparent if traceparent and _is_traceparent(traceparent) else None
    id_token, parent_token = _request_id.set(valid_id), _traceparent.set(valid_parent)
    try:
        yield
    finally:
        _traceparent.reset(parent_token)
        _request_id.reset(id_token)


def correlation_headers() -> dict[str, str]:
    """Return the headers of one call; each of its attempts sends the same."""
    headers = {"X-Request-ID": _request_id.get() or uuid4().hex}
    if (parent := _traceparent.get()) is not None:
        headers["traceparent"] = parent
    return headers
