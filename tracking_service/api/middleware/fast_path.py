"""GET for one number: from the query string to the bytes of the answer, ahead of Flask.

Flask's dispatch costs several times what validating, issuing and rendering do together, and a
request for one number needs none of it. So this WSGI middleware answers it whole: an error becomes
its problem here, as Flask's error handler makes one of the same error. All other requests go on to
Flask, a HEAD for the same path too.

Prefetching: https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from marshmallow import ValidationError

from tracking_service.api import problems
from tracking_service.api.auth import authenticate, own_idempotency_key
from tracking_service.api.middleware.metrics import ROUTE
from tracking_service.api.query import read_keyed_query, read_query
from tracking_service.api.responses import JSON_HEADERS
from tracking_service.api.schemas import ShipmentRequest
from tracking_service.api.timestamps import format_moment
from tracking_service.api.validation import collect_errors
from tracking_service.auth import Key, Keyring, Scope
from tracking_service.errors import SpeculativeRequestError
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches

PATH = "/api/next-tracking-number"
IDEMPOTENCY_KEY_VARIABLE = "HTTP_IDEMPOTENCY_KEY"
"""The variable of the WSGI environment that holds the header `Idempotency-Key`."""


class FastPath:
    """WSGI middleware around the Flask app. Without a keyring, callers need no key."""

    def __init__(
        self,
        application: WSGIApplication,
        issuer: Issuer,
        batches: Batches,
        keyring: Keyring | None = None,
    ) -> None:
        self._application = application
        self._issuer = issuer
        self._batches = batches
        self._keyring = keyring
        self._paths = frozenset((PATH, f"{PATH}/"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a GET for one number; pass all else on."""
        if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] not in self._paths:
            return self._application(environ, start_response)
        environ[ROUTE] = PATH
        keyring = self._keyring
        try:
            caller = None if keyring is None else authenticate(environ, keyring, Scope.ISSUE)
            _refuse_prefetch(environ)
            query, key = environ.get("QUERY_STRING", ""), environ.get(IDEMPOTENCY_KEY_VARIABLE)
            if key is None:
                body = issue_from_query(query, self._issuer, caller)
            else:
                body = issue_for_key(query, key, self._batches, self._issuer, caller)
        except Exception as error:  # noqa: BLE001 - every error has its problem, if only a 500
            status, headers, body = problems.render(problems.problem_for(error))
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]
        start_response("200 OK", [*JSON_HEADERS, ("Content-Length", str(len(body)))])
        return [body]


def issue_from_query(query_string: str, issuer: Issuer, caller: Key | None = None) -> bytes:
    """Issue one number for the request in `query_string` and return the JSON body of its answer.

    The query has a character for each byte, as WSGI has it. Raises ValidationError with every
    fault of the request, SeriesNotAllowedError if the caller's key is for other series, and what
    `Issuer.issue` raises.
    """
    try:
        request = read_query(query_string)
    except ValidationError as found:
        raise collect_errors(found, issuer, caller) from None
    if caller is not None:
        caller.check_series(request.series)
    number, issued_at = issuer.issue(request.shipment, request.series)
    return _body(number, format_moment(int(issued_at), request.offset))


def issue_for_key(
    query_string: str,
    key: str,
    batches: Batches,
    issuer: Issuer,
    caller: Key | None = None,
) -> bytes:
    """Issue one number, or the one that was issued for `key` before; return the answer's body.

    Asks the database, unlike `issue_from_query`. Raises what that does, and what `Batches.issue` does.
    """
    request, fingerprint = _read(query_string, key, issuer, caller)
    issued = batches.issue(
        request.shipment,
        1,
        request.series,
        key=own_idempotency_key(key, caller),
        fingerprint=fingerprint,
    )
    return _body(issued.first, format_moment(int(issued.issued_at.timestamp()), request.offset))


def check_query(
    query_string: str,
    key: str | None,
    batches: Batches,
    issuer: Issuer,
    caller: Key | None = None,
) -> None:
    """Raise what the GET of this query and idempotency key would raise, and spend no serial."""
    request, fingerprint = _read(query_string, key, issuer, caller)
    if key is None:
        issuer.check(request.shipment, request.series)
        return
    batches.check(
        request.shipment,
        request.series,
        key=own_idempotency_key(key, caller),
        fingerprint=fingerprint,
    )


def _read(
    query_string: str, key: str | None, issuer: Issuer, caller: Key | None
) -> tuple[ShipmentRequest, str]:
    """Return the request, and its fingerprint: "" without a key, for nothing is recorded then."""
    try:
        if key is None:
            request, fingerprint = read_query(query_string), ""
        else:
            request, fingerprint = read_keyed_query(query_string, key)
    except ValidationError as found:
        raise collect_errors(found, issuer, caller) from None
    if caller is not None:
        caller.check_series(request.series)
    return request, fingerprint


def _body(number: str, moment: str) -> bytes:
    # Nothing to escape: the number is [A-Z0-9], the moment digits and punctuation.
    return f'{{"tracking_number": "{number}", "created_at": "{moment}"}}'.encode("ascii")


def _refuse_prefetch(environ: WSGIEnvironment) -> None:
    """Raise SpeculativeRequestError if a browser fetches ahead what may never be looked at."""
    purpose = (
        environ.get("HTTP_SEC_PURPOSE")
        or environ.get("HTTP_PURPOSE")
        # Older browsers of Mozilla's and of Apple's.
        or environ.get("HTTP_X_MOZ")
        or environ.get("HTTP_X_PURPOSE")
    )
    if purpose is not None and purpose.lower().startswith(("prefetch", "prerender", "preview")):
        raise SpeculativeRequestError
