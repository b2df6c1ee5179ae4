"""A series gives way to its successor on both databases: two instances, keyed requests, closing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import MakeApp
from tests.support.client import PARAMETERS
from tests.support.waiting import wait_until
from tracking_service.container import services_of
from tracking_service.numbering import parse
from tracking_service.services.verify import VerifiedNumber

GET, POST = "/api/next-tracking-number/", "/api/tracking-numbers"


@pytest.fixture
def apps(make_app: MakeApp) -> tuple[Flask, Flask]:
    """Two instances that share a database with three series of their own shapes."""
    first, second = make_app(), make_app()
    for name, letter, serials in (("air", "A", 400), ("air-2", "B", 400), ("air-3", "C", 10**6)):
        services_of(first).series.create(
            name,
            pattern=parse(f"{letter}{{body:9}}{{check}}", "crockford"),
            serials=serials,
            block_size=50,
        )
    return first, second


def get(app: Flask, key: str | None = None, series: str = "air") -> TestResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    return app.test_client().get(
        GET, query_string={**PARAMETERS, "series": series}, headers=headers
    )


def post(app: Flask, count: int, key: str | None = None) -> TestResponse:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {**PARAMETERS, "series": "air", "count": count}
    return app.test_client().post(POST, json=body, headers=headers)


def body(response: TestResponse) -> Any:
    assert response.status_code in (200, 201), response.get_data(as_text=True)
    return response.get_json()


def verified(app: Flask, number: str) -> VerifiedNumber:
    return services_of(app).verifier.verify(number)


def name_successors(app: Flask, *line: str) -> None:
    for name, successor in pairwise(line):
        services_of(app).series.set_successor(name, successor)


def hears(app: Flask, series: str, successor: str) -> None:
    """Wait until an instance knows a successor that was named while it ran."""
    opened = services_of(app).instance.wait_for_series(series)
    wait_until(
        lambda: opened.supply.successor == successor, seconds=20, what=f"{successor} to be known"
    )


def test_two_instances_go_through_a_line_of_series_without_a_failed_request(
    apps: tuple[Flask, Flask], make_app: MakeApp
) -> None:
    """They run when the successors are named, and lease from one database."""
    for app in apps:
        body(get(app))
    name_successors(apps[0], "air", "air-2", "air-3")
    for app in apps:
        hears(app, "air", "air-2")

    def ask(client: int) -> list[TestResponse]:
        return [get(apps[client % 2]) for _ in range(300)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(chain.from_iterable(pool.map(ask, range(8))))
    numbers = [body(answer)["tracking_number"] for answer in answers]

    assert len(numbers) == len(set(numbers)) == 2400
    assert {"A", "B", "C"} == {number[0] for number in numbers}
    assert 398 == sum(number[0] == "A" for number in numbers)
    assert 400 == sum(number[0] == "B" for number in numbers)
    # One that has never had the series open goes through the line at its first request.
    assert "C" == body(get(make_app()))["tracking_number"][0]
    sample = {number[0]: number for number in numbers}
    for letter, series in (("A", "air"), ("B", "air-2"), ("C", "air-3")):
        assert series == verified(apps[0], sample[letter]).series
        said = apps[1].test_client().get(f"{POST}/{sample[letter]}").get_json()
        assert series == said["series"]


def test_a_key_has_the_same_numbers_before_and_after_the_switch(
    apps: tuple[Flask, Flask], make_app: MakeApp
) -> None:
    name_successors(apps[0], "air", "air-2")
    before = body(get(apps[0], "early"))
    batch = body(post(apps[0], 300, "early-batch"))
    # Some are left, and too few for it: it is of the successor as a whole.
    switched = body(post(apps[0], 200, "late-batch"))
    while body(get(apps[1]))["tracking_number"][0] == "A":
        pass
    late = body(get(apps[1], "late"))

    assert {"A"} == {number[0] for number in batch["tracking_numbers"]}
    assert {"B"} == {number[0] for number in switched["tracking_numbers"]}
    assert ("A", "B") == (before["tracking_number"][0], late["tracking_number"][0])
    for app in (*apps, make_app()):
        assert before == body(get(app, "early"))
        assert batch == body(post(app, 300, "early-batch"))
        assert switched == body(post(app, 200, "late-batch"))
        assert late == body(get(app, "late"))
        assert 422 == post(app, 201, "late-batch").status_code
        assert (
            200
            == app.test_client()
            .head(
                GET,
                query_string={**PARAMETERS, "series": "air"},
                headers={"Idempotency-Key": "late"},
            )
            .status_code
        )
    numbers = [*batch["tracking_numbers"], *switched["tracking_numbers"]]
    assert len(numbers) == len(set(numbers))


def test_a_series_without_a_successor_refuses_as_before(apps: tuple[Flask, Flask]) -> None:
    body(post(apps[0], 400))
    refused = get(apps[0])

    assert 503 == refused.status_code
    assert "/problems/series-exhausted" == refused.get_json()["type"]


def test_a_closed_series_is_refused_on_every_instance_and_its_numbers_verify(
    apps: tuple[Flask, Flask], make_app: MakeApp
) -> None:
    numbers = [body(get(app))["tracking_number"] for app in apps]
    keyed = body(get(apps[0], "order-1"))
    services_of(apps[0]).series.close("air")

    for app in apps:
        wait_until(lambda app=app: get(app).status_code == 400, seconds=20, what="the closing")  # type: ignore[misc]
        refused = get(app).get_json()
        assert "/problems/invalid-request" == refused["type"]
        assert [
            {"parameter": "series", "message": "the series air is closed and gives no more numbers"}
        ] == refused["errors"]
        assert 400 == post(app, 5).status_code
        # With other faults, too.
        wrong = {**PARAMETERS, "series": "air", "weight": "heavy"}
        faults = app.test_client().get(GET, query_string=wrong).get_json()["errors"]
        assert ["weight", "series"] == [fault["parameter"] for fault in faults]
    for app in (*apps, make_app()):
        assert keyed == body(get(app, "order-1"))
        assert ["air", "air"] == [verified(app, number).series for number in numbers]
    # What was not spent went back, and nobody leases it any more.
    blocks = services_of(apps[0]).blocks.latest(series="air", limit=100)
    assert {"spent", "returned"} >= {block.state for block in blocks}
