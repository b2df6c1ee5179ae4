"""GET /api/next-tracking-number/, to the letter of the contract."""

import http.client
import json
import re
import shlex
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from tracking_service import errors
from tracking_service.numbering.format import Shipment

Ask = Callable[..., TestResponse]

CURL = (
    "curl 'http://127.0.0.1:8000/api/next-tracking-number/?origin_country_id=MY"
    "&destination_country_id=ID&weight=1.234&created_at=2024-01-01T12:00:00+08:00"
    "&customer_id=de619854-b59b-425e-9db4-943979e1bd49&customer_name=RedBox%20Logistics"
    "&customer_slug=redbox-logistics'"
)
QUERY = urlsplit(shlex.split(CURL)[1]).query
PATHS = ["/api/next-tracking-number/", "/api/next-tracking-number"]


def test_the_curl_line_typed_as_it_stands_succeeds(app: Flask) -> None:
    """Over a socket: no client library touches the query with its raw plus."""
    url = urlsplit(shlex.split(CURL)[1])
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", f"{url.path}?{url.query}")
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert response.status == 200
    assert response.headers.get_all("Content-Type") == ["application/json"]
    assert response.headers.get_all("Cache-Control") == ["no-store"]
    match = re.fullmatch(r'\{"tracking_number": "([A-Z0-9]{1,16})", "created_at": "(.+)"\}', body)
    assert match is not None
    assert datetime.fromisoformat(match[2]).utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize("path", PATHS)
def test_the_path_is_good_with_and_without_its_slash(ask: Ask, issuer: Mock, path: str) -> None:
    response = ask(QUERY, path=path)

    assert response.status_code == 200
    assert response.get_json()["tracking_number"] == "MYID00000000000X"
    assert response.headers.getlist("Content-Type") == ["application/json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    issuer.issue.assert_called_once_with(Shipment("MY", "ID"), "default")


def test_each_request_spends_one_serial(ask: Ask, issuer: Mock) -> None:
    numbers = [ask(QUERY).get_json()["tracking_number"] for _ in range(5)]

    assert len(set(numbers)) == issuer.issue.call_count == 5


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_does_and_spends_nothing(ask: Ask, issuer: Mock, path: str) -> None:
    head = ask(QUERY, path=path, method="HEAD")

    issuer.issue.assert_not_called()
    issuer.check.assert_called_once_with(Shipment("MY", "ID"), "default")
    get = ask(QUERY, path=path)
    assert head.status_code == get.status_code == 200
    assert head.data == b""
    assert "Content-Length" not in head.headers
    # Its length would be that of a number which is not issued: RFC 9110 has it left out.
    assert {**dict(head.headers), "Content-Length": str(len(get.data))} == dict(get.headers)


@pytest.mark.parametrize(
    "query_string",
    ["", QUERY + "&weight=1", QUERY.replace("MY", "XX"), QUERY + "&series=nowhere&weight=1"],
)
def test_head_of_a_request_at_fault_answers_as_get_does(
    ask: Ask, issuer: Mock, query_string: str
) -> None:
    head = ask(query_string, method="HEAD")
    get = ask(query_string)

    assert head.status_code == get.status_code == 400
    assert head.headers == get.headers
    assert head.data == b""
    assert issuer.mock_calls == []


def test_head_tells_what_the_issuer_would_refuse(ask: Ask, issuer: Mock) -> None:
    issuer.check.side_effect = errors.ShipmentRefusedError("origin_country_id", "must be MY")

    assert ask(QUERY, method="HEAD").status_code == 400
    issuer.issue.assert_not_called()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query_string", ["", QUERY])
def test_options_spends_nothing(ask: Ask, issuer: Mock, path: str, query_string: str) -> None:
    response = ask(query_string, path=path, method="OPTIONS")

    assert response.status_code == 200
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}
    assert response.data == b""
    assert issuer.mock_calls == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_405_with_allow_and_spend_nothing(
    ask: Ask, issuer: Mock, path: str, method: str
) -> None:
    response = ask(QUERY, path=path, method=method)

    assert response.status_code == 405
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}
    assert issuer.mock_calls == []


def test_every_fault_is_told_at_once(ask: Ask, issuer: Mock) -> None:
    response = ask("origin_country_id=my&weight=0&weight=1&customer_name=%FF&created_at=x&series=_")

    problem = response.get_json()
    assert response.status_code == 400
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert list(problem) == ["type", "title", "status", "detail", "errors"]
    assert problem["type"] == "/problems/invalid-request"
    assert problem["status"] == 400
    assert problem["detail"].startswith("8 faults: origin_country_id, ")
    told = {error["parameter"]: error["message"] for error in problem["errors"]}
    assert len(problem["errors"]) == len(told) == 8
    assert told["destination_country_id"] == "is required"
    assert told["weight"] == "must not be given more than once"
    assert told["customer_name"] == "must be UTF-8, percent-encoded"
    assert all(set(error) == {"parameter", "message"} for error in problem["errors"])
    assert issuer.mock_calls == []


def test_a_single_fault_is_told_in_the_detail_too(ask: Ask) -> None:
    problem = ask(QUERY.replace("RedBox%20Logistics", "")).get_json()

    assert problem["detail"] == "customer_name must not be empty"
    assert problem["errors"] == [{"parameter": "customer_name", "message": "must not be empty"}]


ODD = ["&%", "&%=%", "&%00=%00", "&\xff=\xfe", "&&&", "&=", "&<script>=1"]


@pytest.mark.parametrize("extra", ["&x=" + "a" * 1_000_000, "&x=1" * 10_000, *ODD])
def test_odd_and_very_long_unknown_fields_do_no_harm(ask: Ask, extra: str) -> None:
    assert ask(QUERY + extra).status_code == 200


@pytest.mark.parametrize(
    "fault", ["customer_name=%00", "customer_name=" + "a" * 1_000_000, "weight=" + "1" * 1_000_000]
)
def test_a_fault_is_told_without_repeating_what_was_sent(ask: Ask, fault: str) -> None:
    response = ask(fault)

    assert response.status_code == 400
    assert len(response.data) < 2000


def test_names_beyond_ascii_are_good(ask: Ask) -> None:
    name = "Soci%C3%A9t%C3%A9+%F0%9F%93%A6"

    assert ask(QUERY.replace("RedBox%20Logistics", name)).status_code == 200


def test_an_unknown_series_is_a_fault_of_series(ask: Ask, issuer: Mock) -> None:
    issuer.issue.side_effect = errors.UnknownSeriesError("express")

    response = ask(QUERY + "&series=express")

    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/invalid-request"
    assert response.get_json()["errors"] == [
        {"parameter": "series", "message": "there is no series named 'express'"}
    ]


def test_a_shipment_that_the_format_refuses_is_a_fault_of_its_parameter(
    ask: Ask, issuer: Mock
) -> None:
    issuer.issue.side_effect = errors.ShipmentRefusedError("origin_country_id", "must be MY here")

    response = ask(QUERY)

    assert response.status_code == 400
    assert response.get_json()["detail"] == "must be MY here"
    assert response.get_json()["errors"] == [
        {"parameter": "origin_country_id", "message": "must be MY here"}
    ]


@pytest.mark.parametrize(
    "error, slug, retry_after",
    [
        (errors.ReserveEmptyError("secret", retry_after=7), "no-number-now", "7"),
        (errors.ReserveEmptyError("secret", retry_after=0), "no-number-now", "1"),
        (errors.AllocationError("secret"), "no-number-now", "1"),
        (errors.SeriesExhaustedError(), "series-exhausted", "3600"),
        (errors.ShuttingDownError("secret"), "shutting-down", "1"),
        (errors.StoreUnavailableError("secret"), "database-unavailable", "5"),
    ],
)
def test_no_number_to_give_is_503_with_retry_after(
    ask: Ask, issuer: Mock, error: Exception, slug: str, retry_after: str
) -> None:
    issuer.issue.side_effect = error

    response = ask(QUERY)

    problem = json.loads(response.data)
    assert response.status_code == problem["status"] == 503
    assert problem["type"] == f"/problems/{slug}"
    assert list(problem) == ["type", "title", "status", "detail"]
    assert response.headers.getlist("Retry-After") == [retry_after]
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert b"secret" not in response.data


def test_an_exhausted_series_says_series_exhausted(ask: Ask, issuer: Mock) -> None:
    issuer.issue.side_effect = errors.SeriesExhaustedError("series exhausted: few")

    assert "series exhausted: few" == ask(QUERY).get_json()["detail"]
