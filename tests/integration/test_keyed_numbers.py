"""GET for one number with an `Idempotency-Key`, on both databases: one request, one number."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from tests.support.apps import MakeApp
from tests.support.client import PARAMETERS
from tracking_service.container import services_of

PATH = "/api/next-tracking-number/"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


def ask(
    app: Flask, key: str | None = None, *, method: str = "GET", path: str = PATH, **changed: Any
) -> TestResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    return app.test_client().open(
        path, method=method, query_string={**PARAMETERS, **changed}, headers=headers
    )


def number(response: TestResponse) -> str:
    assert 200 == response.status_code, response.get_data(as_text=True)
    found: str = response.get_json()["tracking_number"]
    return found


def rows(app: Flask) -> int:
    with services_of(app).database.transaction() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM batch")).scalar_one()
        return count


def spent(app: Flask) -> int:
    """Serials that the instance has handed out."""
    return sum(series.issued for series in services_of(app).instance.state().series)


def test_a_retry_gets_the_same_number_and_moment_from_any_instance(
    app: Flask, make_app: MakeApp
) -> None:
    first = ask(app, "order-1")
    # Long enough for a new moment of issue to show.
    time.sleep(1.1)
    again = ask(app, "order-1", path=PATH.rstrip("/"))
    elsewhere = ask(make_app(), "order-1")

    assert number(first)
    assert first.get_data() == again.get_data() == elsewhere.get_data()
    assert dict(first.headers).keys() == dict(again.headers).keys()
    assert "no-store" == again.headers["Cache-Control"]
    assert 1 == rows(app)
    assert 1 == spent(app)


def test_the_answer_has_the_form_of_one_without_a_key(app: Flask) -> None:
    with_key, without = ask(app, "order-1"), ask(app)

    assert list(without.get_json()) == list(with_key.get_json())
    assert len(without.get_data()) == len(with_key.get_data())
    assert without.headers["Content-Type"] == with_key.headers["Content-Type"]
    assert with_key.get_json()["created_at"].endswith("+08:00")


def test_another_key_gets_another_number(app: Flask) -> None:
    found = [number(ask(app, key)) for key in ("order-1", "order-2", None, None)]

    assert 4 == len(set(found))


def test_a_number_under_a_key_verifies_as_issued(app: Flask) -> None:
    found = number(ask(app, "order-1"))

    answer = app.test_client().get(f"/api/tracking-numbers/{found}").get_json()

    assert (found, "issued") == (answer["tracking_number"], answer["status"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_key_with_another_request_is_a_422(app: Flask, method: str) -> None:
    number(ask(app, "order-1"))

    response = ask(app, "order-1", method=method, weight="2")

    assert 422 == response.status_code
    assert "application/problem+json" == response.content_type
    assert 1 == spent(app)


def test_a_key_of_a_batch_is_none_for_one_number_and_the_other_way_round(app: Flask) -> None:
    def batch(key: str) -> TestResponse:
        return app.test_client().post(
            "/api/tracking-numbers/",
            json={**PARAMETERS, "count": 1},
            headers={"Idempotency-Key": key},
        )

    assert 201 == batch("order-1").status_code
    assert 422 == ask(app, "order-1").status_code
    assert 200 == ask(app, "order-2").status_code
    assert 422 == batch("order-2").status_code


def test_without_a_key_no_database_is_asked(app: Flask) -> None:
    begun: list[object] = []
    number(ask(app))
    event.listen(services_of(app).database.engine(), "begin", begun.append)

    def transactions(key: str | None, **changed: Any) -> int:
        begun.clear()
        ask(app, key, **changed)
        return len(begun)

    assert 0 == transactions(None)
    assert 2 == transactions("order-1")
    assert 1 == transactions("order-1")
    assert 1 == transactions("order-1", method="HEAD")
    assert 1 == transactions("order-1", weight="2")
    assert 0 == transactions("order-1", weight="0")


def test_a_head_spends_and_records_nothing(app: Flask) -> None:
    assert 200 == ask(app, "order-1", method="HEAD").status_code
    assert (0, 0) == (rows(app), spent(app))
    assert 200 == ask(app, "order-1").status_code
    assert 200 == ask(app, "order-1", method="HEAD").status_code
    assert (1, 1) == (rows(app), spent(app))


@pytest.mark.parametrize(
    "key, changed, expected",
    [
        ("a b", {}, ["Idempotency-Key"]),
        ("a b", {"weight": "0"}, ["Idempotency-Key", "weight"]),
        ("a b", {"weight": "0", "series": "none-such"}, ["Idempotency-Key", "weight", "series"]),
        ("a", {"series": "none-such", "weight": "0"}, ["weight", "series"]),
        ("a", {"series": "none-such"}, ["series"]),
    ],
)
def test_every_fault_is_told_at_once_and_spends_nothing(
    app: Flask, key: str, changed: dict[str, str], expected: list[str]
) -> None:
    response = ask(app, key, **changed)

    assert 400 == response.status_code
    assert expected == [error["parameter"] for error in response.get_json()["errors"]]
    assert (0, 0) == (rows(app), spent(app))


def test_of_many_at_once_all_that_succeed_get_the_same(app: Flask, make_app: MakeApp) -> None:
    apps = [app, make_app()]
    go = Barrier(8)

    def ask_at_once(thread: int) -> TestResponse:
        go.wait(10)
        return ask(apps[thread % 2], "order-1")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask_at_once, range(8)))

    # A database that is busy keeps nobody waiting for long.
    assert {200, 503} >= {answer.status_code for answer in answers}
    issued = {answer.get_data() for answer in answers if answer.status_code == 200}
    assert [ask(app, "order-1").get_data()] == list(issued)


def test_a_key_is_forgotten_by_the_clock_of_the_database(app: Flask) -> None:
    first = number(ask(app, "order-1"))
    with services_of(app).database.transaction(write=True) as connection:
        connection.execute(text("UPDATE batch SET expires_at = '2020-01-01 00:00:00+00'"))

    assert first != number(ask(app, "order-1"))
    assert 1 == rows(app)


def test_without_the_database_a_key_is_503_and_the_rest_goes_on(
    app: Flask, database_url: str
) -> None:
    number(ask(app))
    with services_of(app).database.transaction(write=True) as connection:
        connection.execute(text("ALTER TABLE batch RENAME TO batch_away"))

    refused = ask(app, "order-1")

    assert 503 == refused.status_code
    assert int(refused.headers["Retry-After"]) >= 1
    assert 200 == ask(app).status_code
    assert 2 == spent(app)


def test_a_request_with_a_key_is_counted_under_its_route(app: Flask) -> None:
    ask(app, "order-1")
    ask(app, "order-1", weight="2")

    counted = app.test_client().get("/metrics").get_data(as_text=True)

    for status in ("200", "422"):
        assert any(
            'route="/api/next-tracking-number"' in line and f'status="{status}"' in line
            for line in counted.splitlines()
        )
