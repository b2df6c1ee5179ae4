"""Who may ask for what over HTTP: one check, for the fast path and for Flask alike.

Bearer tokens: https://www.rfc-editor.org/rfc/rfc6750
"""

import hashlib
from typing import Final
from wsgiref.types import WSGIEnvironment

from tracking_service.auth import Key, Keyring, Scope
from tracking_service.errors import MissingScopeError, MissingTokenError

CALLER: Final = "tracking.caller"
"""Key of the WSGI environment that holds the caller's API key; absent if no key is needed."""

# By endpoint; None is open to everybody. Pages, assets and the OpenAPI document say nothing that
# the source does not; whether an instance lives and is ready is for load balancers to see.
SCOPES: Final[dict[str, Scope | None]] = {
    "api.next_tracking_number": Scope.ISSUE,
    "api.issue_batch": Scope.ISSUE,
    "api.verify_tracking_number": Scope.VERIFY,
    "api.draw_barcode": Scope.VERIFY,
    "api.metrics": Scope.OPERATE,
    "api.healthz": None,
    "api.readyz": None,
    "site.status": Scope.OPERATE,
    "site.series_list": Scope.ISSUE,
    "site.history": Scope.OPERATE,
    "site.fleet_status": Scope.OPERATE,
    # It shows what anybody can compute, and nothing of any series.
    "site.series_preview": None,
    "site.home": None,
    "site.fleet": None,
    "site.docs": None,
    "site.asset": None,
    "site.openapi": None,
}


def scope_of(endpoint: str) -> Scope | None:
    """The scope that an endpoint asks for. One that is forgotten here is for operators alone."""
    return SCOPES.get(endpoint, Scope.OPERATE)


def authenticate(environ: WSGIEnvironment, keyring: Keyring, scope: Scope) -> Key:
    """Return the caller's key, and put it into `environ`.

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


def own_idempotency_key(key: str, caller: Key | None) -> str:
    """Bind an idempotency key to its caller, so that no other caller can give it.

    Two callers may choose the same key: neither must be refused for it, or get the other's numbers.
    The caller's API key counts by its name, so that a new token of the same name keeps the key.
    """
    if caller is None:
        return key
    # A name has no space in it.
    return hashlib.sha256(f"{caller.name} {key}".encode()).hexdigest()
