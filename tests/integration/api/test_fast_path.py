"""The hot path and the route behind it: one and the same to whoever asks."""

from itertools import count
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from tests.support.client import PARAMETERS
from tracking_service import errors
from tracking_service.api import responses
from tracking_service.api.middleware.fast_path import PATH, HotPath

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


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "time", lambda: 1_700_000_000.0)


def _give(issuer: Mock, error: Exception | None) -> None:
    numbers = count()

    def issue(*_: object) -> str:
        if error is not None:
            raise error
        return f"MYID{next(numbers):011}X"

    issuer.issue.side_effect = issue


def _told(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    return response.status_code, sorted(response.headers), response.get_data()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=_queries,
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "OPTIONS", "POST"]),
    path=st.sampled_from([PATH, f"{PATH}/", f"{PATH}//", "/api", "/healthz"]),
    error=_errors,
)
def test_both_ways_give_the_same_answer(
    app: Flask, issuer: Mock, query: str, method: str, path: str, error: Exception | None
) -> None:
    answers = []
    for application in (app.wsgi_app, HotPath(app.wsgi_app, issuer)):
        _give(issuer, error)
        answers.append(
            _told(
                Client(application).open(
                    path, method=method, environ_overrides={"QUERY_STRING": query}
                )
            )
        )

    assert answers[0] == answers[1]


def test_a_valid_request_does_not_reach_flask(issuer: Mock) -> None:
    def flask(*_: object) -> list[bytes]:
        raise AssertionError("reached")

    response = Client(HotPath(flask, issuer)).get(f"{PATH}?{QUERY}")

    assert 200 == response.status_code
    assert "MYID00000000000X" == response.get_json()["tracking_number"]


def test_a_fault_is_found_once_only(app: Flask, issuer: Mock) -> None:
    """What waited for a lease in vain must not wait for it again."""
    issuer.issue.side_effect = errors.ReserveEmptyError()

    response = Client(HotPath(app.wsgi_app, issuer)).get(f"{PATH}?{QUERY}")

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
def test_both_ways_tell_the_faults_of_the_series_with_the_others(
    app: Flask, issuer: Mock, method: str, changed: dict[str, str], expected: set[str]
) -> None:
    query = urlencode(VALID | {"weight": "0"} | changed)
    told = []
    for application in (app.wsgi_app, HotPath(app.wsgi_app, issuer)):
        response = Client(application).open(f"{PATH}?{query}", method=method)
        assert 400 == response.status_code
        told.append(_told(response))
        if method == "GET":
            names = [error["parameter"] for error in response.get_json()["errors"]]
            assert (len(expected), expected) == (len(names), set(names))

    assert told[0] == told[1]
    assert [] == issuer.mock_calls


def test_an_unexpected_error_is_answered_without_its_text(app: Flask, issuer: Mock) -> None:
    issuer.issue.side_effect = RuntimeError("internals")

    response = Client(HotPath(app.wsgi_app, issuer)).get(f"{PATH}?{QUERY}")

    assert 500 == response.status_code
    assert "application/problem+json" == response.content_type
    assert "internals" not in response.get_data(as_text=True)
