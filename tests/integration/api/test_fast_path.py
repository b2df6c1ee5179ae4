"""The fast path answers a GET as a whole, and a HEAD, which Flask answers, says what GET would."""

from unittest.mock import Mock, create_autospec
from urllib.parse import urlencode
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.support.client import PARAMETERS
from tracking_service import errors
from tracking_service.api.middleware.fast_path import PATH, FastPath
from tracking_service.services.issue import Issuer

VALID = dict(PARAMETERS)
QUERY = urlencode(VALID)

# Mostly right, with a fault here and there: both ways must tell both apart in the same way.
_parameters = st.fixed_dictionaries(
    {
        name: st.one_of(st.just(value), st.just(value), st.just(value), st.text(max_size=12))
        for name, value in VALID.items()
    },
    optional={
        "series": st.sampled_from(["default", "returns", "my-post", "nowhere", "no such", ""]),
        "unknown": st.text(max_size=5),
    },
)
_queries = st.one_of(
    _parameters.map(lambda found: urlencode(found, errors="surrogatepass")),
    _parameters.map(lambda found: urlencode(found, errors="surrogatepass") + "&weight=1"),
    st.text("%+&=;a0\x00\xff", max_size=40),
    st.just(QUERY.replace("%2B", "+")),
)
_errors = st.sampled_from(
    [
        None,
        errors.ReserveEmptyError(retry_after=7),
        errors.SeriesExhaustedError("series exhausted: default has no serials left"),
        errors.ShuttingDownError(),
        errors.UnknownSeriesError("returns"),
        errors.ShipmentRefusedError("origin_country_id", "must be MY"),
        RuntimeError("an internal of which nobody may hear"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=_queries, path=st.sampled_from([PATH, f"{PATH}/"]), error=_errors)
def test_a_head_says_what_a_get_would(
    client: FlaskClient, issuer: Mock, query: str, path: str, error: Exception | None
) -> None:
    issuer.issue.side_effect = error or (lambda *_: ("MYID00000000000X", 0.0))
    issuer.check.side_effect = error
    got, head = (
        client.open(path, method=method, environ_overrides={"QUERY_STRING": query})
        for method in ("GET", "HEAD")
    )
    headers = dict(got.headers)
    if got.status_code == 200:
        # How long a number is shows only once it is issued.
        del headers["Content-Length"]

    assert (got.status_code, headers) == (head.status_code, dict(head.headers))
    assert b"" == head.data


@given(
    method=st.sampled_from(["HEAD", "OPTIONS", "POST", "get"]), path=st.sampled_from([PATH, "/x"])
)
def test_whatever_is_no_get_for_a_number_goes_on_as_it_is(method: str, path: str) -> None:
    reached = []

    def flask(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        reached.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        start("200 OK", [])
        return [b"from Flask"]

    fast_path = FastPath(flask, create_autospec(Issuer, instance=True), Mock())
    response = Client(fast_path).open(path, method=method)

    assert b"from Flask" == response.data
    assert [(method, path)] == reached


@pytest.mark.parametrize("query", [QUERY, "weight=0"])
def test_a_get_does_not_reach_flask(issuer: Mock, query: str) -> None:
    def flask(*_: object) -> list[bytes]:
        raise AssertionError("reached")

    response = Client(FastPath(flask, issuer, Mock())).get(f"{PATH}?{query}")

    assert response.status_code in (200, 400)
    assert str(len(response.data)) == response.headers["Content-Length"]


def test_a_fault_is_found_once_only(client: FlaskClient, issuer: Mock) -> None:
    """What waited for a lease in vain must not wait for it again."""
    issuer.issue.side_effect = errors.ReserveEmptyError()

    response = client.get(f"{PATH}?{QUERY}")

    assert 503 == response.status_code
    assert 1 == issuer.issue.call_count


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"series": "nowhere"}, {"weight", "series"}),
        ({"series": "my-post", "origin_country_id": "ID"}, {"origin_country_id", "weight"}),
        ({"series": "my-post", "origin_country_id": "XX"}, {"origin_country_id", "weight"}),
        ({"series": "my-post"}, {"weight"}),
    ],
)
def test_the_faults_of_the_series_are_told_with_the_others(
    client: FlaskClient, issuer: Mock, method: str, changed: dict[str, str], expected: set[str]
) -> None:
    query = urlencode(VALID | {"weight": "0"} | changed)
    response = client.open(f"{PATH}?{query}", method=method)

    assert 400 == response.status_code
    if method == "GET":
        names = [error["parameter"] for error in response.get_json()["errors"]]
        assert (len(expected), expected) == (len(names), set(names))
    assert [] == issuer.mock_calls


def test_an_unexpected_error_is_logged_and_answered_without_its_text(
    client: FlaskClient, issuer: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.issue.side_effect = RuntimeError("internals")

    response = client.get(f"{PATH}?{QUERY}")

    assert 500 == response.status_code
    assert "application/problem+json" == response.content_type
    assert "internals" not in response.get_data(as_text=True)
    assert ["unexpected error while answering"] == [each.message for each in caplog.records]
