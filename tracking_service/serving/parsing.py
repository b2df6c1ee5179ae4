"""Requests that two servers could read in two ways are refused, where waitress would guess.

A proxy that sees the end of a request elsewhere than this server does lets its clients smuggle
requests past it. Waitress refuses most of what is ambiguous (bare line feeds, unlike lengths,
unknown transfer codings); this adds what the standard lets a server refuse and waitress reads.

Standard: https://www.rfc-editor.org/rfc/rfc9112#section-6.1 (framing), #section-5.2 (folded lines),
#section-3.2 (Host), #section-2.3 (versions)
"""

import re
from typing import Any, Final

from waitress.parser import HTTPRequestParser, ParsingError

_VERSIONS: Final = frozenset({"1.0", "1.1"})
# Fields that say where a request ends, whom it is for and who asks; each may stand there once.
_TELLING: Final = re.compile(
    rb"\r\n(host|content-length|transfer-encoding|authorization):[ \t]*([^\r\n]*)", re.IGNORECASE
)

# What waitress makes up, to have something to answer, for a head that is too large.
_TOO_LARGE: Final = b"GET / HTTP/1.0\r\n"


class Parser(HTTPRequestParser):
    """Reads one request. What it refuses is 400, and the connection is closed."""

    # The stubs do not know what waitress makes of these.
    command: Any
    path: str
    proxy_netloc: str

    def received(self, data: bytes) -> int:
        """See waitress: takes what has come, and returns how many bytes were used."""
        used: int = super().received(data)
        if self.headers_finished and (self.error is not None or self.body_rcv is None):
            # There is no body to be called for. Waitress would say `100 Continue`, and read the
            # head of the next request as a part of this one.
            self.expect_continue = False
        return used

    def parse_header(self, header_plus: bytes) -> None:
        """See waitress. Raises its ParsingError."""
        if header_plus == _TOO_LARGE:
            super().parse_header(header_plus)
            return
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("a header field is folded")
        told = _TELLING.findall(header_plus)
        fields = {name.lower(): value for name, value in told}
        if len(fields) < len(told):
            raise ParsingError("a header field stands there twice")
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # A target that urllib cannot split, such as http://[ would otherwise end the
            # connection without an answer, and with a traceback in the log.
            raise ParsingError("the target cannot be read") from error
        if self.version not in _VERSIONS:
            raise ParsingError("neither HTTP/1.0 nor HTTP/1.1")
        if self.version == "1.1" and b"host" not in fields:
            raise ParsingError("HTTP/1.1 without a Host")
        if b"transfer-encoding" in fields:
            self._check_coding(fields)
        self._check_target()

    def _check_coding(self, fields: dict[bytes, bytes]) -> None:
        if b"content-length" in fields:
            raise ParsingError("the body's length is told in two ways")
        if self.version == "1.0":
            raise ParsingError("a transfer coding in HTTP/1.0")
        # Others than `chunked` waitress has refused already; this is `chunked` twice.
        if fields[b"transfer-encoding"].strip(b" \t").lower() != b"chunked":
            raise ParsingError("more than one transfer coding")

    def _check_target(self) -> None:
        if not self.path and self.proxy_netloc:
            self.path = "/"
        # Waitress would take //metrics for /metrics, which a proxy may have been told to keep back.
        if self.path.startswith("//"):
            raise ParsingError("the path begins with two slashes")
        if not self.path.startswith("/") and (self.command, self.path) != ("OPTIONS", "*"):
            raise ParsingError("the target is not a path")
