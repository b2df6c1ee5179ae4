"""The ids that join a caller's request with the service's logs, and an answer with its request.

Every attempt sends an `X-Request-ID` that no other attempt has: the id of the call, a dot, and a
random part. The service gives it back with its answer, so that an answer that belongs to another
request is recognised. `traceparent` is sent if there is one.
https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from secrets import token_hex
from uuid import uuid4

REQUEST_ID = "X-Request-ID"

_RANDOM_BYTES = 8
_LONGEST_CALL_ID = 128 - 1 - 2 * _RANDOM_BYTES
"""The service takes ids of up to 128 characters over, and replaces longer ones."""

_is_request_id = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
_is_traceparent = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def correlate(*, request_id: str | None = None, traceparent: str | None = None) -> Iterator[None]:
    """Send these ids with every call that this thread, or this task, makes in the block.

    An id that is not given stays that of the block around this one. Ids may come from a stranger's
    request: an id of a wrong form is not sent. Of a request id the first 111 characters are sent;
    each attempt adds a dot and 16 random ones.
    """
    id_token = _request_id.set(_chosen(request_id, _request_id, _is_request_id))
    parent_token = _traceparent.set(_chosen(traceparent, _traceparent, _is_traceparent))
    try:
        yield
    finally:
        _traceparent.reset(parent_token)
        _request_id.reset(id_token)


def _chosen(
    given: str | None, outer: ContextVar[str | None], is_valid: Callable[[str], object]
) -> str | None:
    if given is None:
        return outer.get()
    return given if is_valid(given) else None


def call_id() -> str:
    """Return the part of the request id that all attempts of one call share."""
    return (_request_id.get() or uuid4().hex)[:_LONGEST_CALL_ID]


def attempt_id(call: str) -> str:
    """Return a request id that no other attempt has."""
    return f"{call}.{token_hex(_RANDOM_BYTES)}"


def trace_headers() -> dict[str, str]:
    """Return the headers of a call that belong to its trace."""
    parent = _traceparent.get()
    return {} if parent is None else {"traceparent": parent}


def echoed(headers: Mapping[str, str], request_id: str) -> bool | None:
    """Whether an answer gives the request's id back; None if it has no id. `headers` ignore case.

    A proxy may have added an id of its own to the service's.
    """
    given = headers.get(REQUEST_ID)
    return None if given is None else request_id in map(str.strip, given.split(","))
