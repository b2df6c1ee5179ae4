"""/metrics of the whole service: both ways of answering, several workers, and no database."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask
from prometheus_client.metrics_core import Metric
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.support.apps import opened_app
from tests.support.client import PARAMETERS, Client, number_path
from tests.support.exposition import names, read, total, value
from tests.support.instance import Instance
from tests.support.ports import free_port
from tests.support.servers import COMMANDS
from tests.support.waiting import wait_until
from tracking_service.container import services_of
from tracking_service.telemetry.metrics import Metrics

NEXT = "/api/next-tracking-number"
BATCH = "/api/tracking-numbers"
REQUESTS = "tracking_http_requests_total"


@pytest.fixture
def app(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    with opened_app(migrated_sqlite_url, tmp_path) as app:
        yield app


def metrics(app: Flask) -> dict[str, Metric]:
    response = app.test_client().get("/metrics")
    assert 200 == response.status_code
    return read(response.get_data())


def test_both_ways_of_answering_are_counted_alike(app: Flask) -> None:
    client = app.test_client()
    expected = {
        (NEXT, "200"): 4,
        (NEXT, "400"): 1,
        (BATCH, "201"): 1,
        (BATCH, "400"): 1,
        (f"{BATCH}/<number>", "200"): 1,
        ("/readyz", "200"): 1,
        ("other", "404"): 2,
        ("other", "405"): 1,
    }

    def send(method: str, path: str, **more: Any) -> TestResponse:
        # A request is over when its answer has been read.
        return client.open(path, method=method, buffered=True, **more)

    number = send("GET", number_path()).get_json()["tracking_number"]
    send("GET", number_path().replace("number/?", "number?"))
    send("GET", number_path())
    send("HEAD", number_path())
    send("GET", number_path(weight="heavy"))
    send("DELETE", NEXT)
    send("POST", BATCH, json={**PARAMETERS, "count": 1000})
    send("POST", f"{BATCH}/", json={})
    send("GET", f"{BATCH}/{number}")
    send("GET", "/readyz/")
    send("GET", "/nothing")
    send("GET", "/nothing/at/all")
    told = metrics(app)

    assert expected == {
        (route, status): total(told, REQUESTS, route=route, status=status)
        for route, status in expected
    }
    for (route, status), count in expected.items():
        assert count == total(
            told, "tracking_http_request_duration_seconds_count", route=route, status=status
        )


def test_singles_and_batches_are_issued_numbers(app: Flask) -> None:
    client = app.test_client()
    for _ in range(3):
        client.get(number_path())
    client.post(BATCH, json={**PARAMETERS, "count": 1000}).get_data()
    told = metrics(app)
    left = services_of(app).instance.state().series[0].held

    assert 1003 == value(told, "tracking_issued_numbers_total", series="default")
    assert left == value(told, "tracking_reserve_serials", series="default")
    assert left + 1003 == value(told, "tracking_leased_serials_total", series="default")
    assert 1 == value(told, "tracking_database_up")
    assert value(told, "tracking_series_remaining_serials") > 10**12


def test_what_goes_back_at_the_end_is_counted(app: Flask) -> None:
    app.test_client().get(number_path())
    held = value(metrics(app), "tracking_reserve_serials")
    services_of(app).instance.close()

    assert held == value(metrics(app), "tracking_handed_back_serials_total", series="default")


def test_a_scrape_leases_nothing_and_connects_to_nothing(app: Flask) -> None:
    told = metrics(app)
    with services_of(app).database.transaction() as connection:
        leases = connection.execute(text("SELECT sum(lease_count) FROM series")).scalar_one()

    assert "unknown" == services_of(app).instance.health.database
    assert 0 == leases
    assert [] == told["tracking_database_up"].samples
    assert [] == told["tracking_leases"].samples


def test_a_scrape_is_answered_while_the_database_is_away(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with opened_app(url, tmp_path, wait_seconds=0.1) as app:
        assert 503 == app.test_client().get(number_path(), buffered=True).status_code
        wait_until(
            lambda: services_of(app).instance.health.database == "away", seconds=20, what="away"
        )
        told = metrics(app)

    assert 0 == value(told, "tracking_database_up")
    assert 1 == value(told, REQUESTS, route=NEXT, status="503")
    assert 1 <= value(told, "tracking_leases_total", outcome="database_unavailable")


def test_every_answer_has_a_request_id(app: Flask) -> None:
    client = app.test_client()
    paths = [number_path(), number_path(weight="x"), "/readyz", "/metrics", "/nothing"]
    answers = [client.get(path, headers={"X-Request-ID": "mine-1"}) for path in paths]
    made = [client.get(path).headers["X-Request-ID"] for path in paths]

    assert ["mine-1"] * len(paths) == [answer.headers["X-Request-ID"] for answer in answers]
    assert len(set(made)) == len(paths)


def scrape(instance: Instance) -> dict[str, Metric]:
    """By a connection of its own, so that any worker may answer."""
    client = Client(*instance.address)
    try:
        return read(client.get("/metrics").body)
    finally:
        client.close()


def ask(instance: Instance, times: int) -> None:
    """Ask for numbers, by a new connection each time."""

    def once(_: int) -> int:
        client = Client(*instance.address)
        try:
            return client.get(number_path()).status
        finally:
            client.close()

    with ThreadPoolExecutor(8) as pool:
        assert {200} == set(pool.map(once, range(times)))


def counted(told: dict[str, Metric]) -> float:
    return value(told, REQUESTS, route=NEXT, status="200")


def kill(process: psutil.Process) -> None:
    """SIGKILL a worker, and return when its server has seen that it is gone."""
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: not process.is_running(), seconds=20, what="the worker to be gone")


@pytest.mark.parametrize("server", COMMANDS)
def test_each_scrape_tells_of_all_workers(server: str, migrated_sqlite_url: str) -> None:
    asked = 0
    with Instance({"DATABASE_URL": migrated_sqlite_url}, command=COMMANDS[server]) as instance:

        def both_count() -> bool:
            nonlocal asked
            ask(instance, 20)
            asked += 20
            seen = scrape(instance)
            # One that has only been scraped has leased nothing.
            return (
                value(seen, "tracking_processes") == 2
                and total(seen, "tracking_leases_total", outcome="leased") == 2
            )

        wait_until(both_count, seconds=60, what="both workers to have been asked")
        told = [scrape(instance) for _ in range(10)]
        wait_until(
            lambda: value(scrape(instance), "tracking_issued_numbers_total") == asked,
            seconds=20,
            what="each worker to have told what it has issued",
        )
        assert 0 == instance.terminate()

    assert [asked] * 10 == [counted(each) for each in told]
    assert {2} == {total(each, "tracking_leases_total", outcome="leased") for each in told}


def test_what_a_killed_worker_has_counted_stays(migrated_sqlite_url: str) -> None:
    command = COMMANDS["gunicorn"]
    asked = 0
    with Instance({"DATABASE_URL": migrated_sqlite_url}, command=command) as instance:

        def both_count() -> bool:
            nonlocal asked
            ask(instance, 20)
            asked += 20
            return value(scrape(instance), "tracking_processes") == 2

        wait_until(both_count, seconds=60, what="both workers to have been asked")
        for _ in range(3):
            kill(psutil.Process(instance.pid).children()[0])
            wait_until(both_count, seconds=60, what="a new worker to be asked")

            assert asked == counted(scrape(instance))


def test_a_real_scrape_has_the_names_that_alerts_and_docs_are_held_to(
    migrated_sqlite_url: str,
) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        instance.number()
        told = scrape(instance)

    assert names(read(Metrics().render()[0])) == names(told)
    assert 1 == value(told, "tracking_processes")
