"""API keys, and the tokens that callers send for them.

The database has only the SHA-256 of a token. A slow hash would add nothing: the token is 256 random
bits, which cannot be guessed however fast a hash is computed.

Bearer tokens: https://www.rfc-editor.org/rfc/rfc6750
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tracking_service.errors import SeriesNotAllowedError

TOKEN_BYTES: Final = 32
TOKEN_PREFIX: Final = "tn_"  # noqa: S105 - it makes a token recognisable, and is no secret
TOKEN: Final = re.compile(r"tn_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a key allows."""

    ISSUE = "issue"
    VERIFY = "verify"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that has not been revoked. Its digest is not in its repr."""

    name: str
    scopes: frozenset[str]
    series: frozenset[str] | None
    """The series that it is for; None: all."""
    digest: bytes = field(repr=False)

    def check_series(self, series: str) -> None:
        """Raise SeriesNotAllowedError if the key is not for this series."""
        self.check_any((series,))

    def check_any(self, names: Iterable[str]) -> None:
        """Raise SeriesNotAllowedError if the key is for none of the series of these names."""
        if self.series is not None and self.series.isdisjoint(names):
            raise SeriesNotAllowedError


def new_token() -> str:
    """Return a new token: `tn_` and 256 random bits in 43 characters."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token. A character is a byte, as in WSGI.

    >>> digest_of("tn_x").hex()[:16]
    '34b7f7e7c73d253e'
    """
    return hashlib.sha256(token.encode("latin-1")).digest()
