"""Parsing requests more strictly than waitress, and sending responses in one piece.

If a proxy and this server disagree where a request ends, a client can smuggle requests past the
proxy. Waitress refuses most ambiguous requests (bare line feeds, differing lengths, unknown
transfer codings). The parser refuses others, which the standard lets a server refuse. Small responses
are sent in one piece, and errors are problem details.

Standard: https://www.rfc-editor.org/rfc/rfc9112#section-6.1 (framing), #section-5.2 (folded lines),
#section-3.2 (Host), #section-2.3 (versions); https://www.rfc-editor.org/rfc/rfc9457 (problems)
"""

import json
import re
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import BadRequest

from tracking_service.telemetry.logs import REQUEST_ID_HEADER, choose_id

# Waitress's own texts repeat parts of the request.
DETAILS: Final = {
    400: "The request is not well-formed HTTP.",
    408: "The request did not come to its end in time.",
    413: "The request's body is too large.",
    431: "The request line and the header fields together are too large.",
    500: "The server failed to answer this request.",
    501: "The request's transfer coding is not supported.",
}

_VERSIONS: Final = frozenset({"1.0", "1.1"})
# Fields that say where a request ends, for which host it is and who sends it; each at most once.
_SINGLE: Final = re.compile(
    rb"\r\n(host|content-length|transfer-encoding|authorization):[ \t]*([^\r\n]*)", re.IGNORECASE
)
# The bytes that a request may begin with. An empty line before it is allowed (section 2.2).
_BEGINNINGS: Final = frozenset(b"\r\n") | frozenset(range(0x21, 0x7F))
_TLS_HANDSHAKE: Final = 0x16
# Waitress's stand-in for a head that is too large.
_TOO_LARGE: Final = b"GET / HTTP/1.0\r\n"


class Detail(str):
    """What is wrong with a request, without repeating any of it."""

    __slots__ = ()


class Parser(HTTPRequestParser):
    """Reads one request. A refused one is answered 400, and its connection is closed."""

    # The stubs lack the types that waitress gives these.
    command: Any
    path: str
    proxy_netloc: str

    def received(self, data: bytes) -> int:
        """See waitress: takes data, and returns how many bytes were used."""
        if data[0] not in _BEGINNINGS and self.body_rcv is None and not self.header_plus:
            # At once: a client of another protocol would otherwise wait until the time-out.
            tls = data[0] == _TLS_HANDSHAKE
            detail = "This port speaks HTTP, not HTTPS." if tls else "This is not HTTP."
            self.error = BadRequest(Detail(detail))
            self.completed = True
            return len(data)
        used: int = super().received(data)
        if self.headers_finished and (self.error is not None or self.body_rcv is None):
            # There is no body. Waitress would send `100 Continue`, and read the head of the next
            # request as a part of this one.
            self.expect_continue = False
        return used

    def parse_header(self, header_plus: bytes) -> None:
        """See waitress. Raises its ParsingError."""
        if header_plus == _TOO_LARGE:
            super().parse_header(header_plus)
            return
        if not header_plus.isascii() and not header_plus.partition(b"\r\n")[0].isascii():
            raise _refusal(
                "The path or query has a character outside ASCII; percent-encode it, as %C3%BC for ü."
            )
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise _refusal("A header field is folded over two lines.")
        found = _SINGLE.findall(header_plus)
        fields = {name.lower(): value for name, value in found}
        if len(fields) < len(found):
            raise _refusal(
                "Host, Content-Length, Transfer-Encoding or Authorization stands there twice."
            )
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # A target that urllib cannot split, such as http://[ would otherwise end the
            # connection without an answer, and with a traceback in the log.
            raise _refusal("The request's target cannot be read.") from error
        if self.version not in _VERSIONS:
            raise _refusal("The request is neither HTTP/1.0 nor HTTP/1.1.")
        if self.version == "1.1" and b"host" not in fields:
            raise _refusal("A request in HTTP/1.1 needs a Host field.")
        if b"transfer-encoding" in fields:
            self._check_coding(fields)
        self._check_target()

    def _check_coding(self, fields: dict[bytes, bytes]) -> None:
        if b"content-length" in fields:
            raise _refusal(
                "The body's length is given twice, by Content-Length and by Transfer-Encoding."
            )
        if self.version == "1.0":
            raise _refusal("HTTP/1.0 has no Transfer-Encoding.")
        # Waitress has refused all but `chunked`; this is `chunked` twice.
        if fields[b"transfer-encoding"].strip(b" \t").lower() != b"chunked":
            raise _refusal("Only one transfer coding, chunked, is supported.")

    def _check_target(self) -> None:
        if not self.path and self.proxy_netloc:
            self.path = "/"
        if not self.path.startswith("/") and (self.command, self.path) != ("OPTIONS", "*"):
            raise _refusal("The request's target is not a path that begins with a slash.")


def _refusal(detail: str) -> ParsingError:
    """Return the error that waitress answers with 400."""
    return ParsingError(Detail(detail))


class _Whole(Task):
    """Sends the head of a response together with the first part of its body.

    Waitress sends the head separately. If the process is killed between the two, a proxy that has
    forwarded the head can no longer ask another instance.
    """

    channel: Any  # a Channel, which imports this module

    def write(self, data: bytes) -> None:
        """See waitress."""
        if self.wrote_header or not data:
            super().write(data)
            return
        with self.channel.one_piece():
            super().write(data)


class ApplicationTask(_Whole, WSGITask):
    """Sends the application's answer."""

    request: Any

    def get_environment(self) -> dict[str, Any]:
        """See waitress, which turns //metrics into /metrics. A proxy may block only the latter."""
        environ: dict[str, Any] = super().get_environment()
        if self.request.path.startswith("//"):
            environ["PATH_INFO"] = self.request.path
        return environ

    def build_response_header(self) -> bytes:
        """See waitress."""
        if self.channel.server.draining and self.channel.on_last_request():
            # As if the client had sent it, so that waitress closes after HTTP/1.0 and 1.1 alike.
            self.request.headers["CONNECTION"] = "close"
        return super().build_response_header()


class ProblemTask(_Whole, ErrorTask):
    """Sends waitress's own errors, most of them for bad HTTP, as problem details."""

    request: Any

    def execute(self) -> None:
        """See waitress."""
        given = self.request.headers.get("X_REQUEST_ID")
        self.request.error = _Problem(self.request.error, choose_id(given))
        super().execute()


class _Problem:
    """Replaces a `waitress.utilities.Error`."""

    def __init__(self, error: Any, request_id: str) -> None:
        self._request_id = request_id
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
            (REQUEST_ID_HEADER, self._request_id),
        ]
        return f"{self._status} {self._title}", headers, json.dumps(problem).encode()
