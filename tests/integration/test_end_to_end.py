"""The whole app over a migrated database: from the contract's curl line to the block it came from."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event
from werkzeug.test import TestResponse

from tests.support.apps import lease_engine, opened_app
from tests.support.client import NEXT_NUMBER
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.container import services_of
from tracking_service.numbering import Shipment

# As the contract's curl line has it, with its raw plus.
QUERY = (
    "origin_country_id=MY&destination_country_id=ID&weight=1.234"
    "&created_at=2024-01-01T12:00:00+08:00&customer_id=de619854-b59b-425e-9db4-943979e1bd49"
    "&customer_name=RedBox%20Logistics&customer_slug=redbox-logistics"
)
PATHS = [NEXT_NUMBER, NEXT_NUMBER.rstrip("/")]


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    with opened_app(database_url, tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def ask(
    client: FlaskClient, query: str = QUERY, *, path: str = NEXT_NUMBER, method: str = "GET"
) -> TestResponse:
    return client.open(path, method=method, environ_overrides={"QUERY_STRING": query})


def number(client: FlaskClient, query: str = QUERY) -> str:
    response = ask(client, query)
    assert response.status_code == 200, response.text
    given: str = response.get_json()["tracking_number"]
    return given


def spent(app: Flask) -> int:
    """Serials that the instance has handed out, of every series."""
    return sum(series.issued for series in services_of(app).instance.state().series)


def counters(app: Flask) -> dict[str, int]:
    return {record.name: record.next_serial for record in services_of(app).series.all()}


@pytest.mark.parametrize("path", PATHS)
def test_the_contracts_curl_line_gets_its_number(client: FlaskClient, path: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    response = ask(client, path=path)
    body = response.get_json()

    assert 200 == response.status_code
    assert ["application/json"] == response.headers.getlist("Content-Type")
    assert ["no-store"] == response.headers.getlist("Cache-Control")
    assert ["tracking_number", "created_at"] == list(body)
    assert re.fullmatch(r"MYID[A-Z0-9]{12}", body["tracking_number"])
    issued_at = datetime.fromisoformat(body["created_at"])
    assert timedelta(hours=8) == issued_at.utcoffset()
    assert before <= issued_at <= datetime.now(UTC)


def test_a_number_is_verified_and_traced_to_its_block(app: Flask, client: FlaskClient) -> None:
    given = number(client)
    response = client.get(f"/api/tracking-numbers/{given.lower()}")
    body = response.get_json()
    (block,) = services_of(app).blocks.latest(limit=9)

    assert 200 == response.status_code
    assert {
        "tracking_number": given,
        "series": "default",
        "origin_country_id": "MY",
        "destination_country_id": "ID",
        "status": "issued",
        "leased_at": f"{block.leased_at:%Y-%m-%dT%H:%M:%SZ}",
    } == body
    assert services_of(app).instance.name == block.instance
    assert 0 == services_of(app).verifier.trace(given).decoded.serial


def test_what_is_leased_and_not_handed_out_is_reserved(app: Flask, client: FlaskClient) -> None:
    number(client)
    default = services_of(app).series.find("default")
    format_ = services_of(app).instance.number_spaces.get(default).format
    statuses = {
        serial: client.get(f"/api/tracking-numbers/{format_.encode(serial, Shipment('MY', 'ID'))}")
        for serial in (0, 1, 9_999, 10_000)
    }

    assert {0: "issued", 1: "reserved", 9_999: "reserved", 10_000: None} == {
        serial: response.get_json().get("status") if response.status_code == 200 else None
        for serial, response in statuses.items()
    }
    assert 404 == statuses[10_000].status_code


def test_a_slip_of_the_fingers_is_told(client: FlaskClient) -> None:
    given = number(client)
    wrong = given[:8] + ("A" if given[8] != "A" else "B") + given[9:]
    response = client.get(f"/api/tracking-numbers/{wrong}")

    assert 400 == response.status_code
    assert "looks like a typo" in response.get_json()["detail"]


def test_a_number_that_no_series_writes_is_malformed(client: FlaskClient) -> None:
    response = client.get("/api/tracking-numbers/RA123456785MY")

    assert 400 == response.status_code
    assert "no series of this service has numbers of this shape" in response.get_json()["detail"]
    assert not response.get_json().get("likely_typo")


def test_a_series_made_after_the_start_is_found(app: Flask, client: FlaskClient) -> None:
    number(client)
    app.test_cli_runner().invoke(args=["series", "create", "air", "--format", "routed"])
    given = number(client, f"{QUERY}&series=air")

    assert "air" == client.get(f"/api/tracking-numbers/{given}").get_json()["series"]


def test_a_series_that_nobody_asks_for_costs_nothing(app: Flask, client: FlaskClient) -> None:
    app.test_cli_runner().invoke(args=["series", "create", "air", "--format", "routed"])
    number(client)

    assert {"air": 10**13, "default": 10_000} == counters(app)


def test_an_unknown_series_is_a_fault_of_the_request(app: Flask, client: FlaskClient) -> None:
    for _ in range(2):
        response = ask(client, f"{QUERY}&series=nothing")

        assert 400 == response.status_code
        assert [
            {"parameter": "series", "message": "there is no series named 'nothing'"}
        ] == response.get_json()["errors"]
    assert 0 == spent(app)


def test_an_s10_series_begins_in_its_country(app: Flask, client: FlaskClient) -> None:
    words = "series create post --format s10 --service RA --country SG"
    app.test_cli_runner().invoke(args=words.split())
    refused = ask(client, f"{QUERY}&series=post")
    before = spent(app)
    given = number(client, f"{QUERY.replace('=MY', '=SG')}&series=post")

    assert 400 == refused.status_code
    assert ["origin_country_id"] == [fault["parameter"] for fault in refused.get_json()["errors"]]
    assert 0 == before
    assert re.fullmatch(r"RA[0-9]{9}SG", given)


def test_a_series_runs_out_with_a_clear_503(app: Flask, client: FlaskClient) -> None:
    words = "series create few --format routed --serials 25 --block-size 10"
    app.test_cli_runner().invoke(args=words.split())
    query = f"{QUERY}&series=few"
    given = {number(client, query) for _ in range(25)}
    response = ask(client, query)

    assert 25 == len(given)
    assert 503 == response.status_code
    assert "series exhausted: few has no serials left" == response.get_json()["detail"]
    assert int(response.headers["Retry-After"]) > 0
    # The others go on.
    assert number(client)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_head_and_options_spend_nothing(
    app: Flask, client: FlaskClient, method: str, path: str
) -> None:
    number(client)
    before = (spent(app), counters(app))
    answers = {ask(client, path=path, method=method).status_code for _ in range(20)}

    assert {200} == answers
    assert (1, {"default": 10_000}) == before == (spent(app), counters(app))


def test_faults_and_probes_spend_nothing(app: Flask, client: FlaskClient) -> None:
    number(client)
    before = (spent(app), counters(app))
    for path in ("/healthz", "/readyz", "/metrics", NEXT_NUMBER, "/nothing"):
        client.get(path)
    ask(client, QUERY.replace("=MY", "=XX"))

    assert (1, {"default": 10_000}) == before == (spent(app), counters(app))


def test_an_app_that_was_only_made_leases_nothing(app: Flask) -> None:
    app.test_client().get("/healthz")

    assert [] == services_of(app).blocks.latest(limit=9)
    assert "unknown" == services_of(app).instance.health.database


def test_it_becomes_ready_by_itself(app: Flask, client: FlaskClient) -> None:
    wait_until(lambda: client.get("/readyz").status_code == 200, seconds=10, what="readiness")

    assert "up" == client.get("/readyz").get_json()["database"]
    assert 0 == spent(app)


def test_threads_get_a_number_each(app: Flask) -> None:
    given: list[str] = []

    def work() -> None:
        own = app.test_client()
        given.extend(number(own) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert 400 == len(given) == len(set(given))


def test_what_was_not_spent_goes_back_at_the_end(database_url: str, tmp_path: Path) -> None:
    given = []
    for _ in range(2):
        with opened_app(database_url, tmp_path / "state") as app:
            given.append(number(app.test_client()))
    with opened_app(database_url, tmp_path / "state") as app:
        again = app.test_client()
        statuses = [
            again.get(f"/api/tracking-numbers/{each}").get_json()["status"] for each in given
        ]
    with Stores(database_url) as stores:
        states = stores.states("default")

    assert [(0, 1, "spent"), (1, 2, "spent"), (2, 10_000, "returned")] == states
    assert ["issued", "issued"] == statuses


NUMBERS = 100_000


LEASE = ["BEGIN ISOLATION", "UPDATE series", "SELECT (SELECT", "INSERT INTO"]
PING = ["BEGIN ISOLATION", "SELECT 1"]


def test_a_hundred_thousand_numbers_take_a_dozen_leases_and_nothing_else(
    migrated_postgres_url: str, tmp_path: Path
) -> None:
    transactions: list[list[str]] = []
    statements: list[str] = []
    elsewhere: list[str] = []

    def leasing(*arguments: Any) -> None:
        statements.append(" ".join(arguments[2].split()[:2]))

    def committed(_: Connection) -> None:
        transactions.append([*statements])
        statements.clear()

    def reading(*arguments: Any) -> None:
        elsewhere.append(arguments[2].split()[0])

    with opened_app(migrated_postgres_url, tmp_path / "state") as app:
        issuer = services_of(app).issuer
        event.listen(lease_engine(app), "before_cursor_execute", leasing)
        event.listen(lease_engine(app), "commit", committed)
        event.listen(services_of(app).database.engine(), "before_cursor_execute", reading)
        given = [issuer.issue(Shipment("MY", "ID")) for _ in range(NUMBERS)]
        finished = [*transactions]
        seen_elsewhere = [*elsewhere]
        blocks = services_of(app).blocks.latest(limit=100)
    # The first one finds out what the server is, and notes its timeline.
    first, *others = finished
    leases = 1 + others.count(LEASE)

    assert NUMBERS == len(set(given))
    assert NUMBERS <= sum(block.end - block.start for block in blocks)
    assert 1 < leases <= 12
    assert "INSERT INTO" == first[-1]
    assert not [each for each in others if each not in (LEASE, PING)]
    # The series' record, once, when it was opened.
    assert ["BEGIN", "SELECT"] == seen_elsewhere
