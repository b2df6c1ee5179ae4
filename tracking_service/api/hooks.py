"""Hooks for every request that Flask handles: route name, API key, headers, errors."""

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from tracking_service.api import problems
from tracking_service.api.auth import authenticate, scope_of
from tracking_service.api.middleware.metrics import ROUTE
from tracking_service.api.responses import CAUTION_HEADERS
from tracking_service.auth import Keyring


def register(app: Flask, keyring: Keyring | None = None) -> None:
    """Attach the hooks to `app`. With a `keyring`, each route needs a key with its scope."""
    app.before_request(_refuse_two_slashes)
    app.before_request(_name_route)
    if keyring is not None:
        app.before_request(lambda: _authenticate(keyring))
    app.after_request(_add_headers)
    # Flask looks handlers up along the error's bases, so that Exception covers all: HTTP errors,
    # this service's errors, and unexpected ones.
    app.register_error_handler(Exception, lambda error: respond(problems.problem_for(error)))


def respond(problem: problems.Problem) -> Response:
    """Return the response for a problem."""
    status, headers, body = problems.render(problem)
    return Response(body, status, headers)


def _refuse_two_slashes() -> None:
    """Answer 404 to //metrics, which Werkzeug treats as /metrics: a proxy may block the latter."""
    if request.environ["PATH_INFO"].startswith("//"):
        raise NotFound


def _name_route() -> None:
    """Name the route for the metrics: one name for a path with and without a slash."""
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule.rstrip("/") or "/"


def _authenticate(keyring: Keyring) -> None:
    # Without an endpoint it is a 404 or a 405, which reveal nothing.
    if request.endpoint is not None and (scope := scope_of(request.endpoint)) is not None:
        authenticate(request.environ, keyring, scope)


def _add_headers(response: Response) -> Response:
    for name, value in CAUTION_HEADERS:
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
