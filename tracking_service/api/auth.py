"""Who may ask for what over HTTP: one check, for the hot path and for Flask alike.

Bearer tokens: https://www.rfc-editor.org/rfc/rfc6750
Prefetching: https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header
"""

import hashlib
from typing import TYPE_CHECKING, Final
from wsgiref.types import WSGIEnvironment

from tracking_service.auth import Scope
from tracking_service.errors import (
    MissingScopeError,
    MissingTokenError,
    SpeculativeRequestError,
)

if TYPE_CHECKING:
    from tracking_service.auth import Key, Keyring

CALLER: Final = "tracking.caller"
"""Where in the WSGI environment the caller's key is; not there where no key is asked for."""

# By endpoint; None is open to everybody. Pages, assets and the OpenAPI document say nothing that
# the source does not; whether an instance lives and is ready is for load balancers to see.
SCOPES: Final[dict[str, Scope | None]] = {
    "api.next_tracking_number": Scope.ISSUE,
    "api.issue_batch": Scope.ISSUE,
    "api.verify_tracking_number": Scope.VERIFY,
    "api.metrics": Scope.OPERATE,
    "api.healthz": None,
    "api.readyz": None,
    "site.status": Scope.OPERATE,
    "site.home": None,
    "site.docs": None,
    "site.asset": None,
    "site.openapi": None,
}


def scope_of(endpoint: str) -> Scope | None:
    """The scope that an endpoint asks for. One that is forgotten here is for operators alone."""
    return SCOPES.get(endpoint, Scope.OPERATE)


def admit(environ: WSGIEnvironment, keyring: "Keyring", scope: Scope) -> "Key":
    """Return the key of whoever asks, and leave it in `environ`.

    Raises MissingTokenError, InvalidTokenError, MissingScopeError, KeysUnavailableError.
    """
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        raise MissingTokenError
    key = keyring.find(token)
    if scope not in key.scopes:
        raise MissingScopeError(f"This needs a key with the scope {scope}.")
    environ[CALLER] = key
    return key


def refuse_prefetch(environ: WSGIEnvironment) -> None:
    """Raise SpeculativeRequestError where a browser fetches ahead what nobody may come to see."""
    purpose = (
        environ.get("HTTP_SEC_PURPOSE")
        or environ.get("HTTP_PURPOSE")
        # Older browsers of Mozilla's and of Apple's.
        or environ.get("HTTP_X_MOZ")
        or environ.get("HTTP_X_PURPOSE")
    )
    if purpose is not None and purpose.lower().startswith(("prefetch", "prerender", "preview")):
        raise SpeculativeRequestError


def own_idempotency_key(key: str | None, caller: "Key | None") -> str | None:
    """Return a key that no other caller can give.

    Two callers may choose the same, and neither is to be refused for it or told what the other got.
    It goes by the name of the caller's key, so that it outlasts the exchange of a token.
    """
    if key is None or caller is None:
        return key
    # A name has no space in it.
    return hashlib.sha256(f"{caller.name} {key}".encode()).hexdigest()
