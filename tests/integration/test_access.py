"""Who is let in where: every route of the app, with every kind of key, on the fast path too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.apps import opened_app
from tests.support.client import PARAMETERS, number_path
from tests.support.ledger import Ledger
from tests.support.waiting import wait_until
from tracking_service.api import hooks
from tracking_service.api.auth import SCOPES
from tracking_service.app import create_app
from tracking_service.auth import Scope, new_token
from tracking_service.container import services_of
from tracking_service.numbering.builtin import ROUTED
from tracking_service.settings import Settings

REALM = 'Bearer realm="tracking-service"'
INVALID = f'{REALM}, error="invalid_token"'
FORBIDDEN = f'{REALM}, error="insufficient_scope"'

# Made without a database, to have the routes when tests are collected.
_APP = create_app(Settings(database_url="sqlite:////nowhere/at/all.sqlite3"))
ROUTES = sorted(
    (rule.endpoint, rule.rule, method)
    for rule in _APP.url_map.iter_rules()
    for method in (rule.methods or set()) - {"OPTIONS"}
)
GUARDED = [route for route in ROUTES if SCOPES.get(route[0], Scope.OPERATE) is not None]


class Service:
    """The app with keys of every kind."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        keys = services_of(app).api_keys
        services_of(app).series.create(
            "gifts",
            pattern=ROUTED,
            serials=10_000,
            block_size=100,
        )
        self.tokens = {
            name: keys.create(name, scopes, series)[1]
            for name, scopes, series in [
                ("issue", ["issue"], None),
                ("verify", ["verify"], None),
                ("operate", ["operate"], None),
                ("gifts", ["issue", "verify"], ["gifts"]),
                ("revoked", ["issue", "verify", "operate"], None),
            ]
        }
        keys.revoke("revoked")
        self.tokens["wrong"] = new_token()
        self.number = self.ask(number_path(), "issue").get_json()["tracking_number"]

    def ask(
        self, path: str, who: str | None, method: str = "GET", **parameters: Any
    ) -> TestResponse:
        headers = dict(parameters.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return self.client.open(path, method=method, headers=headers, **parameters)

    def send(self, route: tuple[str, str, str], who: str | None) -> TestResponse:
        """A valid request to a route."""
        endpoint, rule, method = route
        path = rule.replace("<number>", self.number).replace("<version>/<name>", "1/page.css")
        if endpoint == "api.next_tracking_number":
            path += "?" + number_path().partition("?")[2]
        if method == "POST":
            return self.ask(path, who, method, json={**PARAMETERS, "count": 2})
        return self.ask(path, who, method)


@pytest.fixture(scope="module")
def service(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("access")
    database = folder / "tracking.sqlite3"
    for part in migrated_file.parent.glob(f"{migrated_file.name}*"):
        (folder / part.name).write_bytes(part.read_bytes())
    with opened_app(f"sqlite:///{database}", folder, auth="required") as app:
        yield Service(app)


def kind_of(response: TestResponse) -> tuple[int, str | None, str | None]:
    """Status, the end of the problem's type, and the challenge."""
    body = json.loads(response.data) if response.data and response.status_code >= 400 else {}
    slug = body.get("type", "").rpartition("/")[2] or None
    return response.status_code, slug, response.headers.get("WWW-Authenticate")


def test_every_route_has_its_scope_written_down() -> None:
    assert {endpoint for endpoint, _, _ in ROUTES} == set(SCOPES)


def test_a_route_that_is_forgotten_is_for_operators(service: Service) -> None:
    app = Flask("forgetful")
    hooks.register(app, services_of(service.app).keyring)
    app.add_url_rule("/new", view_func=lambda: "told")
    statuses = [
        app.test_client()
        .get("/new", headers={"Authorization": f"Bearer {service.tokens[who]}"})
        .status_code
        for who in ("operate", "issue", "verify")
    ]

    assert [200, 403, 403] == statuses
    assert 401 == app.test_client().get("/new").status_code


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in GUARDED])
@pytest.mark.parametrize("who", [None, "wrong", "revoked", "verify"])
def test_an_open_route_asks_for_no_key(
    service: Service, route: tuple[str, str, str], who: str | None
) -> None:
    assert service.send(route, who).status_code not in (401, 403)


@pytest.mark.parametrize("route", GUARDED)
class TestGuarded:
    """Every route that is not open."""

    def test_without_a_key_it_is_401(self, service: Service, route: tuple[str, str, str]) -> None:
        response = service.send(route, None)

        assert (401, REALM) == (response.status_code, response.headers["WWW-Authenticate"])
        assert "application/problem+json" == response.content_type

    @pytest.mark.parametrize("who", ["wrong", "revoked"])
    def test_with_a_bad_key_it_is_401(
        self, service: Service, route: tuple[str, str, str], who: str
    ) -> None:
        response = service.send(route, who)

        assert (401, INVALID) == (response.status_code, response.headers["WWW-Authenticate"])

    def test_with_the_keys_of_other_scopes_it_is_403(
        self, service: Service, route: tuple[str, str, str]
    ) -> None:
        own = SCOPES[route[0]]
        for who in {"issue", "verify", "operate"} - {own}:
            response = service.send(route, who)

            assert (403, FORBIDDEN) == (response.status_code, response.headers["WWW-Authenticate"])

    def test_with_a_key_for_another_series_it_is_403(
        self, service: Service, route: tuple[str, str, str]
    ) -> None:
        response = service.send(route, "gifts")
        if route[0] == "api.draw_barcode":
            # What is drawn is what the caller has sent: it tells of no series.
            assert 200 == response.status_code
            return
        if route[0] == "site.series_list":
            listed = response.get_json()["series"] if response.data else [{"name": "gifts"}]
            assert ["gifts"] == [each["name"] for each in listed]
            return
        slug = "scope-missing" if SCOPES[route[0]] == Scope.OPERATE else "series-not-allowed"

        assert (403, FORBIDDEN) == (response.status_code, response.headers["WWW-Authenticate"])
        if route[2] != "HEAD":
            assert slug == kind_of(response)[1]

    def test_with_its_key_it_answers(self, service: Service, route: tuple[str, str, str]) -> None:
        own = SCOPES[route[0]]
        assert own is not None

        assert service.send(route, own).status_code in (200, 201)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Token {token}",
        "{token}",
        "Bearer{token}",
    ],
)
def test_what_is_no_bearer_token_is_401(service: Service, header: str) -> None:
    value = header.format(token=service.tokens["issue"])
    response = service.ask(number_path(), None, headers={"Authorization": value})

    assert 401 == response.status_code


@pytest.mark.parametrize(
    "header",
    [
        "Bearer  {token}",
        "Bearer {token} ",
        "Bearer {token}, Bearer {token}",
        "Bearer {token}\x00",
        "Bearer \xff\xfe",
        "Bearer " + "tn_" + "A" * 8000,
    ],
)
def test_a_token_with_something_about_it_is_401(service: Service, header: str) -> None:
    value = header.format(token=service.tokens["issue"])
    response = service.client.get(number_path(), environ_overrides={"HTTP_AUTHORIZATION": value})

    assert (401, "token-invalid", INVALID) == kind_of(response)


def test_the_scheme_may_be_written_in_any_case(service: Service) -> None:
    for scheme in ("bearer", "BEARER"):
        value = f"{scheme} {service.tokens['issue']}"

        assert 200 == service.ask(number_path(), None, headers={"Authorization": value}).status_code


def test_a_token_in_the_query_is_not_looked_at(service: Service) -> None:
    path = f"{number_path()}&access_token={service.tokens['issue']}"

    assert (401, "token-missing", REALM) == kind_of(service.ask(path, None))


def test_who_has_no_key_is_told_no_more_than_that(service: Service) -> None:
    """Not even whether the request would be valid."""
    for path in (number_path(weight="x"), number_path(series="nope"), "/api/tracking-numbers/X"):
        assert (401, "token-missing", REALM) == kind_of(service.ask(path, None))


def test_a_key_for_a_series_gets_its_numbers_and_no_others(service: Service) -> None:
    own = service.ask(number_path(series="gifts"), "gifts")
    number = own.get_json()["tracking_number"]

    assert 200 == own.status_code
    assert 200 == service.ask(f"/api/tracking-numbers/{number}", "gifts").status_code
    for foreign in (
        service.ask(number_path(), "gifts"),
        service.ask(number_path(), "gifts", "HEAD"),
        service.ask(f"/api/tracking-numbers/{service.number}", "gifts"),
    ):
        assert 403 == foreign.status_code


def test_a_key_for_a_series_gets_and_verifies_numbers_of_its_successor(service: Service) -> None:
    series = services_of(service.app).series
    series.create("sold-out", pattern=ROUTED, serials=1, block_size=1)
    series.create("next", pattern=ROUTED, serials=1_000, block_size=100)
    series.set_successor("sold-out", "next")
    keys = services_of(service.app).api_keys
    service.tokens["old"] = keys.create("old", ["issue", "verify"], ["sold-out"])[1]
    path = number_path(series="sold-out")
    numbers = [service.ask(path, "old").get_json()["tracking_number"] for _ in range(2)]
    read = [service.ask(f"/api/tracking-numbers/{number}", "old") for number in numbers]

    assert ["sold-out", "next"] == [response.get_json()["series"] for response in read]
    assert 403 == service.ask(number_path(series="next"), "old").status_code
    assert 403 == service.ask(f"/api/tracking-numbers/{numbers[1]}", "gifts").status_code


def test_who_is_refused_spends_nothing(service: Service) -> None:
    url = services_of(service.app).settings.database_url
    before = service.ask(number_path(), "issue").get_json()["tracking_number"]
    for who in (None, "wrong", "revoked", "verify", "operate", "gifts"):
        service.ask(number_path(), who)
        service.ask("/api/tracking-numbers/", who, "POST", json={**PARAMETERS, "count": 1000})
    after = service.ask(number_path(), "issue").get_json()["tracking_number"]
    ledger = Ledger.read(url)

    assert 1 == ledger.serial(after) - ledger.serial(before)


def test_one_callers_idempotency_key_is_no_other_ones(service: Service) -> None:
    keys = services_of(service.app).api_keys
    service.tokens["other"] = keys.create("other", ["issue"])[1]

    def batch(who: str, count: int = 2) -> TestResponse:
        return service.ask(
            "/api/tracking-numbers/",
            who,
            "POST",
            json={**PARAMETERS, "count": count},
            headers={"Idempotency-Key": "order-1"},
        )

    first, again, others = batch("issue"), batch("issue"), batch("other", 3)

    assert [201, 201, 201] == [each.status_code for each in (first, again, others)]
    assert first.get_json()["tracking_numbers"] == again.get_json()["tracking_numbers"]
    assert not {*first.get_json()["tracking_numbers"]} & {*others.get_json()["tracking_numbers"]}

    keys.revoke("issue")
    service.tokens["issue"] = keys.create("issue", ["issue"])[1]

    # A new token is looked up, for which a busy machine may need more than the second it has.
    wait_until(
        lambda: batch("issue").get_json() == first.get_json(), seconds=20, what="the same numbers"
    )


@pytest.mark.parametrize("path", ["/nothing", "/api/tracking-numbers/a/b", "/metrics/x"])
def test_a_path_that_there_is_not_is_404_for_all(service: Service, path: str) -> None:
    assert 404 == service.ask(path, None).status_code
    assert 404 == service.ask(path, "operate").status_code


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_has_the_headers_of_caution(
    service: Service, route: tuple[str, str, str]
) -> None:
    for who in (None, "issue", "verify", "operate"):
        headers = service.send(route, who).headers

        assert "nosniff" == headers["X-Content-Type-Options"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "same-origin" == headers["Cross-Origin-Resource-Policy"]
        if route[0] == "api.draw_barcode" and who == "verify":
            # To be kept, but not by a cache that others share.
            assert "max-age=86400" == headers["Cache-Control"]
        elif route[0].startswith("api.") or (
            route[1].startswith("/api/") and route[0] != "site.series_preview"
        ):
            assert "no-store" == headers["Cache-Control"]
        assert "Server" not in headers


@pytest.mark.parametrize("path", ["/nothing", "/healthz?x", "/api/next-tracking-number"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "DELETE"])
def test_errors_are_not_to_be_kept(service: Service, path: str, method: str) -> None:
    headers = service.ask(path, "issue", method).headers

    assert "no-store" == headers["Cache-Control"]
    assert "nosniff" == headers["X-Content-Type-Options"]
