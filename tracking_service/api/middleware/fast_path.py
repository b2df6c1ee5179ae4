"""The hot path: a plain request for one number is answered ahead of Flask.

Flask's dispatch costs several times what validating, issuing and rendering do together, and a
request for one number needs none of it. So this WSGI middleware does that one thing with the same
`issue_from_query` that the route uses, and leaves everything else to Flask: other methods, other
paths, and every fault. A fault is passed on as it is, so that a request is never validated twice
and never waits twice for a lease; the route raises it, and it becomes a problem in one place.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tracking_service.api.auth import admit, refuse_prefetch
from tracking_service.api.middleware.metrics import ROUTE
from tracking_service.api.responses import JSON_HEADERS, issue_from_query
from tracking_service.auth import Scope

if TYPE_CHECKING:
    from tracking_service.auth import Keyring
    from tracking_service.services.issue import Issuer

PATH = "/api/next-tracking-number"

FAULT = "tracking.fault"
"""Where in the WSGI environment a fault is passed on to the route."""


class HotPath:
    """WSGI middleware around the Flask app. Without a keyring everybody may ask."""

    def __init__(
        self, application: WSGIApplication, issuer: "Issuer", keyring: "Keyring | None" = None
    ) -> None:
        self._application = application
        self._issuer = issuer
        self._keyring = keyring
        self._paths = frozenset((PATH, f"{PATH}/"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a valid request for one number; pass on whatever else comes."""
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] in self._paths:
            keyring = self._keyring
            try:
                caller = None if keyring is None else admit(environ, keyring, Scope.ISSUE)
                refuse_prefetch(environ)
                body = issue_from_query(environ.get("QUERY_STRING", ""), self._issuer, caller)
            except Exception as fault:  # noqa: BLE001 - the route raises it again
                environ[FAULT] = fault
            else:
                environ[ROUTE] = PATH
                start_response("200 OK", [*JSON_HEADERS, ("Content-Length", str(len(body)))])
                return [body]
        return self._application(environ, start_response)
