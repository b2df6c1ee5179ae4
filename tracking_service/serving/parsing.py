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
from waitress.utilities import BadRequest

_VERSIONS: Final = frozenset({"1.0", "1.1"})
# Fields that say where a request ends, whom it is for and who asks; each may stand there once.
_TELLING: Final = re.compile(
    rb"\r\n(host|content-length|transfer-encoding|authorization):[ \t]*([^\r\n]*)", re.IGNORECASE
)

# The bytes that a request may begin with. An empty line before it is let pass (section 2.2).
_BEGINNINGS: Final = frozenset(b"\r\n") | frozenset(range(0x21, 0x7F))
_TLS_HANDSHAKE: Final = 0x16

# What waitress makes up, to have something to answer, for a head that is too large.
_TOO_LARGE: Final = b"GET / HTTP/1.0\r\n"


class Detail(str):
    """What is wrong with a request, in words that may be answered: they repeat nothing of it."""

    __slots__ = ()


class Parser(HTTPRequestParser):
    """Reads one request. What it refuses is 400, and the connection is closed."""

    # The stubs do not know what waitress makes of these.
    command: Any
    path: str
    proxy_netloc: str

    def received(self, data: bytes) -> int:
        """See waitress: takes what has come, and returns how many bytes were used."""
        if data[0] not in _BEGINNINGS and self.body_rcv is None and not self.header_plus:
            # At once: a client of another protocol would wait for an answer until the time-out.
            tls = data[0] == _TLS_HANDSHAKE
            said = "This port speaks HTTP, not HTTPS." if tls else "This is not HTTP."
            self.error = BadRequest(Detail(said))
            self.completed = True
            return len(data)
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
        if not header_plus.isascii() and not header_plus.partition(b"\r\n")[0].isascii():
            raise _refusal(
                "The path or query has a character outside ASCII; percent-encode it, as %C3%BC for ü."
            )
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise _refusal("A header field is folded over two lines.")
        told = _TELLING.findall(header_plus)
        fields = {name.lower(): value for name, value in told}
        if len(fields) < len(told):
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
        # Others than `chunked` waitress has refused already; this is `chunked` twice.
        if fields[b"transfer-encoding"].strip(b" \t").lower() != b"chunked":
            raise _refusal("Only one transfer coding, chunked, is supported.")

    def _check_target(self) -> None:
        if not self.path and self.proxy_netloc:
            self.path = "/"
        if not self.path.startswith("/") and (self.command, self.path) != ("OPTIONS", "*"):
            raise _refusal("The request's target is not a path that begins with a slash.")


def _refusal(detail: str) -> ParsingError:
    """Return the error that waitress makes a 400 of."""
    return ParsingError(Detail(detail))
