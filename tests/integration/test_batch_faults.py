"""POST /api/tracking-numbers/ at fault: every fault at once, and nothing leased for it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import opened_app
from tests.support.client import PARAMETERS
from tracking_service.app import BODY_BYTES_MOST
from tracking_service.container import services_of
from tracking_service.serving.options import OPTIONS

PATH = "/api/tracking-numbers/"
BODY: dict[str, Any] = {**PARAMETERS, "count": 3}


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """An instance that has opened no series; there are `default` and `my-post`, an S10 series."""
    with opened_app(database_url, tmp_path) as app:
        s10 = ["--format", "s10", "--service", "RA", "--country", "MY"]
        made = app.test_cli_runner().invoke(args=["series", "create", "my-post", *s10])
        assert 0 == made.exit_code, made.output
        yield app


def post(app: Flask, headers: dict[str, str] | None = None, **changed: Any) -> TestResponse:
    return app.test_client().post(PATH, json=BODY | changed, headers=headers)


def told(response: TestResponse) -> list[str]:
    """The parameters that are at fault."""
    assert 400 == response.status_code, response.get_data(as_text=True)
    return [error["parameter"] for error in response.get_json()["errors"]]


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"series": "none-such", "weight": 0}, ["weight", "series"]),
        ({"series": "none-such", "count": 0}, ["series", "count"]),
        ({"series": "my-post", "origin_country_id": "ID"}, ["origin_country_id"]),
        (
            {"series": "my-post", "origin_country_id": "ID", "count": 0},
            ["origin_country_id", "count"],
        ),
        ({"series": "my-post", "weight": "0"}, ["weight"]),
        ({"series": "no such", "count": 0}, ["series", "count"]),
    ],
)
def test_the_faults_of_the_series_are_told_with_the_others(
    app: Flask, changed: dict[str, Any], expected: list[str]
) -> None:
    assert expected == told(post(app, **changed))


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({}, []),
        ({"count": 0}, ["count"]),
        ({"series": "none-such"}, ["series"]),
        ({"series": "my-post", "origin_country_id": "ID"}, ["origin_country_id"]),
        ({"series": "none-such", "weight": None, "count": 0}, ["weight", "series", "count"]),
    ],
)
def test_the_faults_of_the_key_are_told_with_the_others(
    app: Flask, changed: dict[str, Any], expected: list[str]
) -> None:
    assert ["Idempotency-Key", *expected] == told(post(app, {"Idempotency-Key": "a b"}, **changed))


def test_a_body_that_is_none_is_told_with_the_fault_of_the_key(app: Flask) -> None:
    headers = {"Idempotency-Key": "a b", "Content-Type": "application/json"}
    response = app.test_client().post(PATH, data=b"{", headers=headers)

    assert ["Idempotency-Key", ""] == told(response)
    assert "2 faults: Idempotency-Key, the body" == response.get_json()["detail"]


def test_a_fault_leases_nothing(app: Flask) -> None:
    for series in ("default", "my-post", "none-such"):
        told(post(app, series=series, count=0))

    assert () == services_of(app).instance.state().series


@pytest.mark.parametrize("number", ["1e9999999999999999999999", "9" * 5_000])
@pytest.mark.parametrize("name", ["weight", "count"])
def test_a_number_out_of_all_bounds_is_a_400(app: Flask, name: str, number: str) -> None:
    body = json.dumps(BODY | {name: "HERE"}).replace('"HERE"', number)
    response = app.test_client().post(PATH, data=body, content_type="application/json")

    assert [name] == told(response)
    assert "set_int_max_str_digits" not in response.get_data(as_text=True)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "x"])
def test_a_body_in_a_content_coding_is_a_415(app: Flask, coding: str) -> None:
    body = gzip.compress(json.dumps(BODY).encode())
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    response = app.test_client().post(PATH, data=body, headers=headers)

    assert 415 == response.status_code
    assert "application/problem+json" == response.content_type
    assert "identity" == response.headers["Accept-Encoding"]
    assert "Content-Encoding" in response.get_json()["detail"]


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_as_it_is_may_say_so(app: Flask, coding: str) -> None:
    assert 201 == post(app, {"Content-Encoding": coding}).status_code


def test_the_app_takes_as_long_a_body_as_its_server() -> None:
    assert BODY_BYTES_MOST == OPTIONS["max_request_body_size"]
