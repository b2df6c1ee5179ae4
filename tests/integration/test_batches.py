"""POST /api/tracking-numbers/ on both databases: numbers once, the same again for the same key."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, text
from werkzeug.test import TestResponse

from tests.support.apps import MakeApp
from tests.support.client import PARAMETERS
from tracking_service.container import services_of
from tracking_service.store.models import BatchRow

PATH = "/api/tracking-numbers/"
BODY: dict[str, Any] = {**PARAMETERS, "count": 3}

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


def post(app: Flask, key: str | None = None, path: str = PATH, **changed: Any) -> TestResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    return app.test_client().post(path, json=BODY | changed, headers=headers)


def numbers(response: TestResponse) -> list[str]:
    assert 201 == response.status_code, response.get_data(as_text=True)
    found: list[str] = response.get_json()["tracking_numbers"]
    return found


def rows(app: Flask) -> int:
    with services_of(app).database.transaction() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM batch")).scalar_one()
        return count


@pytest.mark.parametrize("path", [PATH, PATH.rstrip("/")])
def test_a_batch_is_as_many_numbers_as_were_asked_for(app: Flask, path: str) -> None:
    response = post(app, path=path)

    assert 3 == len(set(numbers(response)))
    assert 3 == response.get_json()["count"]
    assert response.get_json()["created_at"].endswith("+08:00")
    assert "no-store" == response.headers["Cache-Control"]
    assert "application/json" == response.headers["Content-Type"]


def test_a_small_batch_says_its_length(app: Flask) -> None:
    response = post(app)

    assert len(response.get_data()) == response.content_length
    assert not response.is_streamed


def test_batches_and_single_numbers_never_meet(app: Flask) -> None:
    query = {name: value for name, value in BODY.items() if name != "count"}
    found = []
    for _ in range(20):
        found += numbers(post(app, count=1_500))
        single = app.test_client().get("/api/next-tracking-number/", query_string=query)
        found.append(single.get_json()["tracking_number"])

    assert 20 * 1_501 == len(set(found))


def test_a_batch_larger_than_the_reserve_waits_for_its_lease(app: Flask) -> None:
    assert 100_000 == len(set(numbers(post(app, count=100_000))))


def test_a_batch_verifies_as_issued(app: Flask) -> None:
    number = numbers(post(app))[0]

    answer = app.test_client().get(f"/api/tracking-numbers/{number}").get_json()

    assert "issued" == answer["status"]


def test_a_retry_gets_the_very_same_answer_from_any_instance(app: Flask, make_app: MakeApp) -> None:
    first = post(app, "order-1", count=2_000)
    again = post(app, "order-1", count=2_000)
    elsewhere = post(make_app(), "order-1", count=2_000)

    assert 2_000 == len(set(numbers(first)))
    assert first.get_data() == again.get_data() == elsewhere.get_data()
    assert 1 == rows(app)


def test_a_key_costs_two_transactions_and_a_retry_one(app: Flask) -> None:
    begun: list[object] = []
    # So that the series is open.
    numbers(post(app))
    event.listen(services_of(app).database.engine(), "begin", begun.append)

    def transactions(key: str | None, **changed: Any) -> int:
        begun.clear()
        post(app, key, **changed)
        return len(begun)

    assert 0 == transactions(None)
    assert 2 == transactions("order-1")
    assert 1 == transactions("order-1")
    assert 1 == transactions("order-1", count=4)


def test_another_key_gets_other_numbers(app: Flask) -> None:
    assert not set(numbers(post(app, "order-1"))) & set(numbers(post(app, "order-2")))


def test_the_key_with_another_request_is_a_422(app: Flask) -> None:
    numbers(post(app, "order-1"))

    response = post(app, "order-1", count=4)

    assert 422 == response.status_code
    assert "application/problem+json" == response.content_type


def test_of_many_at_once_with_one_key_all_that_succeed_get_the_same(
    app: Flask, make_app: MakeApp
) -> None:
    apps = [app, make_app()]
    answers: list[TestResponse] = []
    go = threading.Barrier(8)

    def ask(number: int) -> None:
        go.wait(10)
        answers.append(post(apps[number % 2], "order-1"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    # A database that is busy keeps nobody waiting for long.
    assert {201, 503} >= {answer.status_code for answer in answers}
    issued = {answer.get_data() for answer in answers if answer.status_code == 201}
    assert [post(app, "order-1").get_data()] == list(issued)


def test_a_batch_that_could_not_be_issued_leaves_its_key_free(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["series", "create", "few", "--format", "routed"])
    cli = ["series", "create", "small", "--format", "routed", "--serials", "10"]
    assert 0 == app.test_cli_runner().invoke(args=cli).exit_code

    refused = post(app, "order-1", series="small", count=11)

    assert 503 == refused.status_code
    assert 0 == rows(app)
    assert 10 == len(set(numbers(post(app, "order-2", series="small", count=10))))


def test_keys_are_forgotten_a_thousand_at_a_time_and_the_one_asked_for_at_once(
    app: Flask,
) -> None:
    """All at once would take longer than a statement may, after a busy day, and so never end."""
    numbers(post(app, "order-0"))
    with services_of(app).database.transaction(write=True) as connection:
        connection.execute(text("UPDATE batch SET expires_at = '2020-01-02 00:00:00+00'"))
        connection.execute(
            insert(BatchRow),
            [
                {"key": f"old-{n}", "fingerprint": "", "token": "", "expires_at": LONG_AGO}
                for n in range(1_500)
            ],
        )

    assert 3 == len(numbers(post(app, "order-0")))
    # The oldest thousand are gone.
    assert 501 == rows(app)
    assert 3 == len(numbers(post(app, "order-1")))
    assert 2 == rows(app)


def test_a_key_is_forgotten_after_its_time(app: Flask) -> None:
    first = numbers(post(app, "order-1"))
    with services_of(app).database.transaction(write=True) as connection:
        connection.execute(text("UPDATE batch SET expires_at = '2020-01-01 00:00:00+00'"))

    assert not set(first) & set(numbers(post(app, "order-1")))
    assert 1 == rows(app)


@pytest.mark.parametrize(
    "accept, content_type",
    [
        ("application/x-ndjson", "application/x-ndjson"),
        ("text/csv", "text/csv"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
    ],
)
def test_the_caller_chooses_how_the_numbers_are_written(
    app: Flask, accept: str, content_type: str
) -> None:
    response = app.test_client().post(PATH, json=BODY, headers={"Accept": accept})

    assert 201 == response.status_code
    assert content_type == response.headers["Content-Type"]


@pytest.mark.parametrize(
    "status, arguments",
    [
        (406, {"json": BODY, "headers": {"Accept": "image/png"}}),
        (415, {"data": "count=3", "content_type": "application/x-www-form-urlencoded"}),
        (415, {"data": b"{}"}),
        (400, {"data": b"{", "content_type": "application/json"}),
        (400, {"json": BODY | {"count": 100_001}}),
        (400, {"json": BODY | {"series": "none-such"}}),
        (400, {"json": BODY, "headers": {"Idempotency-Key": "a b"}}),
        (413, {"data": b" " * 65_537, "content_type": "application/json"}),
    ],
)
def test_a_faulty_request_is_a_problem_and_spends_nothing(
    app: Flask, status: int, arguments: dict[str, Any]
) -> None:
    response = app.test_client().post(PATH, **arguments)

    assert status == response.status_code
    assert "application/problem+json" == response.content_type
    assert status == response.get_json()["status"]
    spent = [series.issued for series in services_of(app).instance.state().series]
    assert 0 == sum(spent)


def test_a_get_without_a_number_is_a_405(app: Flask) -> None:
    response = app.test_client().get(PATH)

    assert 405 == response.status_code
    assert "POST" in response.headers["Allow"]
