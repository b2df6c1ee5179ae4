"""Answers as they go over the wire: in one piece if they are small, and problems in one form.

https://www.rfc-editor.org/rfc/rfc9457
"""

import json
from typing import TYPE_CHECKING, Any, Final

from waitress.task import ErrorTask, Task, WSGITask

from tracking_service.serving.parsing import Detail
from tracking_service.telemetry import request_ids

if TYPE_CHECKING:
    from tracking_service.serving.connections import Channel

# Because waitress's own texts repeat parts of the request.
DETAILS: Final = {
    400: "The request is not well-formed HTTP.",
    408: "The request did not come to its end in time.",
    413: "The request's body is too large.",
    431: "The request line and the header fields together are too large.",
    500: "The server failed to answer this request.",
    501: "The request's transfer coding is not supported.",
}


class _Whole(Task):
    """Sends the head of an answer together with the beginning of its body.

    Waitress sends the head by itself. A process that is killed between the two leaves half an
    answer, and a proxy that has passed the head on can no longer ask another instance.
    """

    channel: "Channel"

    def write(self, data: bytes) -> None:
        """See waitress."""
        if self.wrote_header or not data:
            super().write(data)
            return
        with self.channel.one_piece():
            super().write(data)


class ApplicationTask(_Whole, WSGITask):
    """What the application answers."""

    channel: "Channel"
    request: Any

    def get_environment(self) -> dict[str, Any]:
        """See waitress, which would take //metrics for /metrics. A proxy may keep that back."""
        environ: dict[str, Any] = super().get_environment()
        if self.request.path.startswith("//"):
            environ["PATH_INFO"] = self.request.path
        return environ

    def build_response_header(self) -> bytes:
        if self.channel.server.draining and self.channel.on_last_request():
            # As if the client had asked for it: so waitress closes after HTTP/1.0 and 1.1 alike.
            self.request.headers["CONNECTION"] = "close"
        return super().build_response_header()


class ProblemTask(_Whole, ErrorTask):
    """Waitress's own errors, bad HTTP for most, in the form of all the others."""

    channel: "Channel"
    request: Any

    def execute(self) -> None:
        self.request.error = _Problem(self.request.error)
        super().execute()


class _Problem:
    """Stands in for a `waitress.utilities.Error`."""

    def __init__(self, error: Any) -> None:
        self._status: int = error.code
        self._title: str = error.reason
        own = isinstance(error.body, Detail)
        self._detail: str = error.body if own else DETAILS.get(error.code, error.reason)

    def to_response(self, _ident: str | None) -> tuple[str, list[tuple[str, str]], bytes]:
        problem = {
            "type": "about:blank",
            "title": self._title,
            "status": self._status,
            "detail": self._detail,
        }
        headers = [
            ("Content-Type", "application/problem+json"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            (request_ids.HEADER, request_ids.choose(None)),
        ]
        return f"{self._status} {self._title}", headers, json.dumps(problem).encode()
