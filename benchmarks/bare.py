"""The limit: the bytes of an answer, from a WSGI callable that does nothing else.

What a server cannot do with this it cannot do with any application.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# As long as an answer of the service.
BODY = b'{"tracking_number": "MYID7K2M0QX4C9TU", "created_at": "2026-11-24T21:05:07+08:00"}'
HEADERS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Content-Length", str(len(BODY))),
]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer anything with the same bytes."""
    del environ
    start_response("200 OK", list(HEADERS))
    return (BODY,)
