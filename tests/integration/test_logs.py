"""The log of a running service: its form, its request ids, and what is never in it."""

from __future__ import annotations

import base64
import http.client
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import create_engine, text

from tests.support.client import NEXT_NUMBER, PARAMETERS, number_path
from tests.support.commands import flask
from tests.support.instance import Instance
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_until
from tracking_service.store.database import database_url as parsed_url

LOUD = (
    *(sys.executable, "-m", "flask", "--app", "tests.support.loud", "serve"),
    *("--host", HOST, "--port", "{port}"),
)

# What is in no log, in whatever spelling a request brings it.
NAME = "Zyxwvut Geheimrat"
SLUG = "zyxwvut-geheimrat"
CUSTOMER = "0f0e0d0c-dead-4bed-8bad-c0ffee123456"
IDEMPOTENCY_KEY = "idem-zyxwvut"
PASSWORD = "pass-zyxwvut"
TELLTALES = ["zyxwvut", "geheimrat", "c0ffee123456"]

SHIPMENT = {**PARAMETERS, "customer_id": CUSTOMER, "customer_name": NAME, "customer_slug": SLUG}


def send(
    instance: Instance,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*instance.address, timeout=30)
    try:
        encoded = None if body is None else json.dumps(body)
        connection.request(
            method, path, encoded, {"Content-Type": "application/json", **(headers or {})}
        )
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def send_everything(instance: Instance, token: str) -> None:
    """Every route, with faults and without, all of it full of what is not to be logged."""
    bearer = {"Authorization": f"Bearer {token}"}
    query = urlencode(SHIPMENT)
    batch = {**SHIPMENT, "count": 3}
    for headers in (bearer, {}, {"Authorization": f"Bearer {NAME}"}, {"Cookie": f"x={SLUG}"}):
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", SLUG.upper()):
            send(instance, method, f"{NEXT_NUMBER}?{query}", headers=headers)
            send(instance, method, f"{NEXT_NUMBER}?{query}&weight={quote(NAME)}", headers=headers)
            send(instance, method, f"/{quote(NAME)}?{query}", headers=headers)
        keyed = {**headers, "Idempotency-Key": IDEMPOTENCY_KEY, "X-Request-ID": NAME}
        send(instance, "GET", f"{NEXT_NUMBER}?{query}", headers=keyed)
        for body in (batch, {**batch, "count": NAME}, {**batch, NAME: NAME}, NAME):
            send(instance, "POST", "/api/tracking-numbers/", body=body, headers=keyed)
        for path in ("/api/tracking-numbers", "/fail", "/docs", "/readyz", "/healthz", "/metrics"):
            send(instance, "GET", f"{path}/{quote(SLUG)}", headers=headers)
            send(instance, "GET", f"{path}?{query}", headers=headers)
        for path in ("/", "/openapi.json", "/api/status", "/metrics", "/readyz"):
            send(instance, "GET", f"{path}?{query}", headers=headers)
        series = urlencode({**SHIPMENT, "series": SLUG})
        send(instance, "GET", f"{NEXT_NUMBER}?{series}", headers=headers)


def key_of_numbers(url: str) -> bytes:
    engine = create_engine(parsed_url(url))
    try:
        with engine.connect() as connection:
            key = connection.execute(text("SELECT key FROM number_space")).scalars().first()
            assert key is not None
            return bytes(key)
    finally:
        engine.dispose()


def token_of_a_new_key(url: str) -> str:
    scopes = ("--scope", "issue", "--scope", "verify", "--scope", "operate")
    done = flask("keys", "create", "tester", *scopes, "--json", env={"DATABASE_URL": url})
    assert 0 == done.returncode, done.stderr
    token: str = json.loads(done.stdout)["token"]
    return token


@contextmanager
def loud(url: str, log_format: str, **settings: str) -> Iterator[Instance]:
    environment = {
        "DATABASE_URL": url,
        "TRACKING_LOG_FORMAT": log_format,
        "TRACKING_ACCESS_LOG": "on",
        **settings,
    }
    with Instance(environment, command=LOUD) as instance:
        yield instance


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_secret_and_no_customer_is_in_any_log(database_url: str, log_format: str) -> None:
    scheme, _, rest = database_url.partition("://")
    if scheme.startswith("postgres"):
        # The server of the tests believes whoever comes, whatever the password.
        user, _, place = rest.partition("@")
        database_url = f"{scheme}://{user.partition(':')[0]}:{PASSWORD}@{place}"
    token = token_of_a_new_key(database_url)
    with loud(database_url, log_format, TRACKING_AUTH="required") as instance:
        send_everything(instance, token)
        # All that is written at the end belongs to it.
        assert 0 == instance.terminate()
        log = instance.log()
    key = key_of_numbers(database_url)
    spellings = [key.hex(), base64.b64encode(key).decode(), repr(key)[2:-1], str(key)]

    assert log.count("answered") > 100
    assert log.count("unexpected error while answering") >= 1
    for secret in [*TELLTALES, PASSWORD, token, token.removeprefix("tn_"), *spellings]:
        assert secret.lower() not in log.lower()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_database_that_is_away_gives_no_password_away(log_format: str) -> None:
    url = f"postgresql://nobody:{PASSWORD}@127.0.0.1:{free_port()}/nothing"
    with loud(url, log_format, TRACKING_WAIT_SECONDS="0.1") as instance:
        send(instance, "GET", number_path())
        send(instance, "GET", "/api/tracking-numbers/MYIDBEP6D2FH5S2M")
        wait_until(lambda: "leasing failed" in instance.log(), seconds=20, what="the log line")
        log = instance.log()

    assert PASSWORD not in log


def test_json_is_all_there_is_and_each_line_is_whole(migrated_sqlite_url: str) -> None:
    with loud(migrated_sqlite_url, "json") as instance:
        send(instance, "GET", number_path(), headers={"X-Request-ID": "given-1"})
        send(instance, "GET", "/fail/x", headers={"X-Request-ID": "given-2"})
        made = send(instance, "GET", "/readyz").headers["X-Request-ID"]
        assert 0 == instance.terminate()
        lines = [json.loads(line) for line in instance.log().splitlines()]
    by_id: dict[str | None, list[dict[str, Any]]] = {}
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys()
        by_id.setdefault(line.get("request_id"), []).append(line)
    (answered,) = by_id["given-1"]
    failed, failure = by_id["given-2"]

    assert (200, "/api/next-tracking-number") == (answered["status"], answered["route"])
    assert "unexpected error while answering" == failed["message"]
    assert failed["exception"].endswith("\nValueError")
    assert (500, "/fail/<text>") == (failure["status"], failure["route"])
    assert "/readyz" == by_id[made][0]["route"]
    assert "listening" in {line["message"] for line in by_id[None]}


def test_there_is_no_access_log_unless_asked_for(migrated_sqlite_url: str) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        instance.number()
        instance.get("/nothing")
        instance.get("/readyz")
        assert 0 == instance.terminate()
        log = instance.log()

    assert "Listening on" in log
    assert "answered" not in log
    assert "request_id" not in log


def test_what_is_no_http_is_answered_with_an_id_as_well(migrated_sqlite_url: str) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        response = send(instance, "GET", "/", headers={"Transfer-Encoding": "nonsense"})

    assert 501 == response.status
    assert response.headers["X-Request-ID"]
