"""Every error of an app, from any route and from none, is problem+json."""

import logging
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from flask import Flask, Response, abort, request
from flask.testing import FlaskClient
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    default_exceptions,
)
from werkzeug.test import TestResponse

from tracking_service import errors
from tracking_service.store.database.errors import SequenceBehindError
from tracking_service.telemetry.logs import TextFormatter


def error_classes(root: type[errors.TrackingServiceError]) -> Iterator[type[Exception]]:
    yield root
    for cls in root.__subclasses__():
        yield from error_classes(cls)


def raising(error: Exception) -> Callable[[], str]:
    """Return a view, or a hook, that raises."""

    def view() -> str:
        raise error

    return view


def assert_problem(response: TestResponse, status: int) -> dict[str, object]:
    """Hold a response to what every problem has, and return its body."""
    assert response.status_code == status
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    body: dict[str, object] = response.get_json()
    assert list(body)[:4] == ["type", "title", "status", "detail"]
    assert body["status"] == status
    assert all(isinstance(body[name], str) and body[name] for name in ("type", "title", "detail"))
    return body


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/api",
        "/api/",
        "/api/next-tracking-number/x",
        "/API/next-tracking-number/",
        "/api//next-tracking-number/",
        "/api/next-tracking-number//",
        "/../../etc/passwd",
        "/static/x",
        "/\0",
        "/\xff",
        "/\r\nSet-Cookie: x",
        "/" + "a" * 100_000,
    ],
)
def test_an_unknown_path_is_a_404_problem(client: FlaskClient, issuer: Mock, path: str) -> None:
    response = client.get("/", environ_overrides={"PATH_INFO": path})

    body = assert_problem(response, 404)
    assert body["type"] == "about:blank"
    assert body["title"] == "Not Found"
    assert len(response.data) < 500
    assert issuer.mock_calls == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_an_unknown_path_is_404_with_every_method(client: FlaskClient, method: str) -> None:
    response = client.open("/nothing", method=method)

    assert response.status_code == 404
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert (response.data == b"") is (method == "HEAD")


def test_a_wrong_method_is_a_405_problem_that_keeps_allow(client: FlaskClient) -> None:
    response = client.post("/healthz")

    body = assert_problem(response, 405)
    assert body["type"] == "about:blank"
    assert body["title"] == "Method Not Allowed"
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("status", sorted(default_exceptions))
def test_every_http_error_is_a_problem(app: Flask, client: FlaskClient, status: int) -> None:
    app.add_url_rule("/abort", view_func=lambda: abort(status))

    body = assert_problem(client.get("/abort"), status)

    assert body["type"] == "about:blank"


def test_a_body_that_is_too_large_is_a_413_problem(app: Flask, client: FlaskClient) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10

    def body() -> bytes:
        return request.get_data()

    app.add_url_rule("/body", view_func=body, methods=["POST"])

    assert_problem(client.post("/body", data=b"x" * 11), 413)


@pytest.mark.parametrize(
    "error", [ServiceUnavailable(retry_after=9), TooManyRequests(retry_after=9)]
)
def test_retry_after_of_an_http_error_is_kept(
    app: Flask, client: FlaskClient, error: Exception
) -> None:
    app.add_url_rule("/abort", view_func=raising(error))

    assert client.get("/abort").headers.getlist("Retry-After") == ["9"]


def test_the_challenge_of_a_401_is_kept(app: Flask, client: FlaskClient) -> None:
    error = Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    app.add_url_rule("/abort", view_func=raising(error))

    assert client.get("/abort").headers["WWW-Authenticate"] == "Bearer"


class SecretError(Exception):
    """Raised with what nobody outside may see."""


SECRET = "postgresql://user:hunter2@db.internal/tracking"


@pytest.mark.parametrize("testing", [False, True])
@pytest.mark.parametrize("error", [SecretError(SECRET), InternalServerError(SECRET)])
def test_a_500_tells_no_internals(
    app: Flask, client: FlaskClient, error: Exception, testing: bool
) -> None:
    app.testing = testing
    app.add_url_rule("/fail", view_func=raising(error))

    response = client.get("/fail")

    body = assert_problem(response, 500)
    assert body["type"] == "about:blank"
    assert body["title"] == "Internal Server Error"
    assert list(body) == ["type", "title", "status", "detail"]
    whole = response.text + str(response.headers)
    for internal in ("hunter2", "db.internal", "Secret", "Store", "Traceback", ".py"):
        assert internal not in whole


def test_a_500_is_logged_once_with_its_traceback(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(tail: str) -> str:
        raise SecretError(tail)

    app.add_url_rule("/fail/<path:tail>", view_func=fail)

    with caplog.at_level(logging.ERROR):
        client.get("/fail/%0Aforged line")

    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "unexpected error while answering"
    assert "forged" not in TextFormatter().format(record)
    assert record.exc_info is not None
    assert record.exc_info[0] is SecretError
    assert "in fail" in TextFormatter().format(record)


def test_a_500_that_is_meant_is_not_logged(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/fail", view_func=raising(InternalServerError()))

    client.get("/fail")

    assert caplog.records == []


def test_what_is_expected_is_not_logged_as_an_error(
    client: FlaskClient, verifier: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    verifier.verify.side_effect = errors.NotIssuedError

    client.get("/api/tracking-numbers/X")
    client.get("/nothing")
    client.get("/api/next-tracking-number/")

    assert caplog.records == []


def test_an_error_ahead_of_a_view_is_a_problem_too(app: Flask, client: FlaskClient) -> None:
    app.before_request(raising(SecretError("hunter2")))

    response = client.get("/healthz")

    assert_problem(response, 500)
    assert "hunter2" not in response.text


def test_an_error_behind_a_view_is_a_problem_too(app: Flask, client: FlaskClient) -> None:
    def spoil(_: Response) -> Response:
        raise SecretError("hunter2")

    app.after_request(spoil)

    response = client.get("/healthz")

    assert_problem(response, 500)
    assert "hunter2" not in response.text


ARGUMENTS: dict[type[Exception], tuple[str, ...]] = {
    errors.UnknownSeriesError: ("express",),
    errors.ShipmentRefusedError: ("weight", "is too heavy"),
    SequenceBehindError: ("the ids are behind", "block"),
}


@pytest.mark.parametrize("cls", sorted(error_classes(errors.TrackingServiceError), key=str))
def test_every_error_of_the_service_is_a_problem(
    client: FlaskClient, verifier: Mock, cls: type[Exception]
) -> None:
    verifier.verify.side_effect = cls(*ARGUMENTS.get(cls, ()))

    response = client.get("/api/tracking-numbers/X")

    body = assert_problem(response, response.status_code)
    assert response.status_code in (400, 401, 403, 404, 409, 422, 500, 503)
    assert ("errors" in body) is (response.status_code == 400)
    assert ("Retry-After" in response.headers) is (response.status_code in (409, 503))
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="')
    assert (body["type"] == "about:blank") is (response.status_code == 500)
