"""What `Client` and `AsyncClient` are made with, checked in one place."""

import encodings.idna  # noqa: F401 - see below
import os
import re
from collections.abc import Callable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from tracking_service.client.endpoints import Endpoints
from tracking_service.client.errors import InvalidSetting
from tracking_service.client.exchange import Terms, Token

TOKEN_VARIABLE = "TN_TOKEN"  # noqa: S105 - a name, not a token
"""The environment variable that the token is read from. Not TRACKING_…: the service refuses to
start with a variable of that prefix that is no setting of its own."""

# httpx2 imports a part of itself when the first client is made, and the first look-up of a name the
# codec that is imported above. A child that is forked amid that, by another thread, would wait for
# ever for the lock of an import that nobody ends.
httpx2.Client(verify=False, trust_env=False).close()

LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60.0)
"""Connections of one client. Servers and proxies close those that rest longer than a minute or so,
and a request that is sent just then has to be repeated."""

LONGEST = 86_400.0
"""Seconds: the longest `timeout` and `give_up_after`."""

LONGEST_TOKEN = 4_000
"""Characters: its header has to fit into the 8 KiB that servers and proxies take."""

_is_token = re.compile(r"[\x21-\x7e]+").fullmatch


def terms(
    urls: str | Sequence[str],
    *,
    token: str | None,
    timeout: float,
    give_up_after: float,
    clock: Callable[[], float],
    random: Callable[[], float],
) -> Terms:
    """Check what a client is made with. Raises InvalidSetting."""
    if token is None:
        token = os.environ.get(TOKEN_VARIABLE) or None
    if token is not None and _is_token(token) is None:
        raise InvalidSetting("the token has white space or other characters that no token has")
    if token is not None and len(token) > LONGEST_TOKEN:
        raise InvalidSetting(f"the token is longer than {LONGEST_TOKEN:,} characters")
    # `not (…)`, so that NaN is refused as well.
    if not (0 < timeout <= LONGEST and 0 <= give_up_after <= LONGEST):
        raise InvalidSetting(
            f"timeout must be above 0, give_up_after 0 or above, both at most {LONGEST:,.0f} seconds"
        )
    return Terms(
        endpoints=Endpoints(urls, clock=clock, random=random),
        token=None if token is None else Token(token),
        timeout=timeout,
        give_up_after=give_up_after,
        clock=clock,
        random=random,
    )


def no_cookies() -> CookieJar:
    """Return a jar that keeps none: a request says nothing of an earlier one's answer."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
