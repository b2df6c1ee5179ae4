"""The pages' headers, the assets' addresses, and what is shown while the database is away."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.apps import opened_app
from tests.support.client import number_path
from tests.support.commands import environment, migrate
from tests.support.instance import Instance
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until
from tracking_service import __version__
from tracking_service.api import assets
from tracking_service.container import services_of
from tracking_service.numbering import parse

PAGES = ["/", "/fleet", "/fleet/", "/docs", "/docs/"]


@pytest.fixture
def whole_app(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The whole app, which has not leased yet."""
    with opened_app(migrated_sqlite_url, tmp_path) as app:
        yield app


@pytest.fixture
def site(whole_app: Flask) -> FlaskClient:
    return whole_app.test_client()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_only_what_is_served_from_here(site: FlaskClient, path: str) -> None:
    response = site.get(path)
    policy = response.headers["Content-Security-Policy"]

    assert 200 == response.status_code
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", [*PAGES, "/assets/x/page.js"])
def test_a_page_is_read_as_what_it_says_it_is(site: FlaskClient, path: str) -> None:
    headers = site.get(path).headers

    assert "nosniff" == headers["X-Content-Type-Options"]
    assert "no-referrer" == headers["Referrer-Policy"]


@pytest.mark.parametrize("path", PAGES)
def test_every_asset_of_a_page_is_there_and_may_be_kept(site: FlaskClient, path: str) -> None:
    found = re.findall(r'(?:href|src)="(/assets/[^"]+)"', site.get(path).text)

    assert 3 <= len(found)
    for asset in found:
        response = site.get(asset)

        assert 200 == response.status_code
        assert "public, max-age=31536000, immutable" == response.headers["Cache-Control"]


def test_both_pages_together_are_light(site: FlaskClient) -> None:
    """Without Swagger UI, and what only /docs loads."""
    found = {
        address: len(site.get(address).data)
        for address in (
            "/",
            "/fleet",
            *(
                f"/assets/x/{name}"
                for name in assets.names()
                if not name.startswith(("docs.", "swagger-ui"))
            ),
        )
    }

    assert 150_000 > sum(found.values()), found


def test_an_asset_of_another_version_is_not_kept(site: FlaskClient) -> None:
    """While a new version rolls out, a page may ask an instance that has the other."""
    response = site.get("/assets/0123456789ab/page.js")

    assert 200 == response.status_code
    assert "no-cache" == response.headers["Cache-Control"]


def test_what_is_served_is_what_a_page_asks_for(site: FlaskClient) -> None:
    """A file that is left in the folder by mistake is not published unseen."""
    asked: set[str] = set()
    found = {name for path in PAGES for name in re.findall(r'/([^"/]+\.\w+)"', site.get(path).text)}
    while found := {name for name in found if name in assets.names()} - asked:
        asked |= found
        texts = [site.get(f"/assets/x/{name}").text for name in found if name.endswith(".js")]
        found = {
            name
            for text in texts
            for name in re.findall(r'^import .*"\./(.+)";', text, re.MULTILINE)
        }

    assert asked == assets.names()


@pytest.mark.parametrize("name", [".#page.js", "._page.js"])
def test_a_hidden_file_beside_the_assets_is_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor's lock is a link to nothing; to read it would fail every page."""
    (tmp_path / name).symlink_to("nowhere")
    monkeypatch.setattr(assets, "PAGES", tmp_path)
    assets.names.cache_clear()
    try:
        assert name not in assets.names()
    finally:
        assets.names.cache_clear()


@pytest.mark.parametrize(
    "name", ["index.html", "openapi.json", "nothing.js", "..", "%2e%2e%2fsite.py"]
)
def test_nothing_but_the_assets_is_served(site: FlaskClient, name: str) -> None:
    assert 404 == site.get(f"/assets/{assets.version()}/{name}").status_code


@pytest.mark.parametrize("path", ["/", "/fleet", "/docs", "/openapi.json"])
def test_what_has_not_changed_is_not_sent_again(site: FlaskClient, path: str) -> None:
    etag = site.get(path).headers["ETag"]
    again = site.get(path, headers={"If-None-Match": etag})

    assert 304 == again.status_code
    assert b"" == again.data


@pytest.mark.parametrize("path", [*PAGES, "/openapi.json", "/api/status", "/assets/x/page.js"])
def test_a_page_can_only_be_read(site: FlaskClient, path: str) -> None:
    assert 405 == site.post(path).status_code


def test_a_mounted_app_names_its_own_addresses(site: FlaskClient) -> None:
    html = site.get("/", environ_overrides={"SCRIPT_NAME": "/labels"}).text

    assert 'data-root="/labels"' in html
    assert 'src="/labels/assets/' in html


def test_the_status_leases_nothing(site: FlaskClient) -> None:
    status = site.get("/api/status").get_json()

    assert [] == status["series"]
    assert [] == status["leases"]
    assert not status["ready"]
    assert "unknown" == status["database"]


def test_the_series_are_listed_and_nothing_is_leased(whole_app: Flask, site: FlaskClient) -> None:
    pattern = parse("RB{body:9}{check}", "digits")
    services_of(whole_app).series.create("gifts", pattern=pattern, serials=100, block_size=10)
    listed = site.get("/api/series").get_json()
    gifts = listed["series"][1]

    assert ["default", "gifts"] == [each["name"] for each in listed["series"]]
    assert listed["complete"]
    assert "RB{body:9}{check}" == gifts["pattern"]
    assert re.fullmatch("RB[0-9]{10}", gifts["example"])
    assert 12 == gifts["length"]
    assert [] == site.get("/api/status").get_json()["leases"]


def test_the_fleet_is_told_without_a_lease(site: FlaskClient) -> None:
    fleet = site.get("/api/fleet").get_json()

    assert ["default"] == [each["name"] for each in fleet["series"]]
    assert [] == fleet["instances"]
    assert [] == site.get("/api/status/history").get_json()["samples"]


def test_the_instance_that_answers_knows_what_it_holds(site: FlaskClient) -> None:
    site.get(number_path())
    (instance,) = site.get("/api/fleet").get_json()["instances"]

    assert (True, True, __version__) == (instance["this"], instance["exact"], instance["version"])
    assert {"leased": 1, "spent": 0, "returned": 0, "skipped": 0} == instance["blocks"]
    assert 9_999 == instance["held_at_most"]


def test_the_app_is_made_without_what_only_a_page_or_a_migration_needs() -> None:
    code = "import sys, wsgi; print({'flask_swagger_ui', 'alembic'} & sys.modules.keys() != set())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60
    )

    assert "False" == done.stdout.strip(), done.stderr


def test_the_status_answers_while_the_database_is_away() -> None:
    with PostgresServer.create() as server:
        url = server.url(server.create_database())
        migrate(url)
        env = {"DATABASE_URL": url, "TRACKING_DATABASE_TIMEOUT_SECONDS": "1"}
        with Instance(env) as instance:

            def status() -> dict[str, object]:
                found: dict[str, object] = instance.get("/api/status").json()
                return found

            instance.number()
            before = wait_until(lambda: status()["leases"], seconds=10, what="a lease to be told")
            fleet = instance.get("/api/fleet").json()
            server.stop("immediate")
            wait_until(
                lambda: status()["database"] == "away", seconds=30, what="the database to be away"
            )
            away = status()
            fleet_away = instance.get("/api/fleet").json()
            samples = instance.get("/api/status/history").json()["samples"]

    assert "away" == fleet_away["database"]
    # What it has in memory is as it is now; what the database knew is as it was.
    assert fleet | {"database": "away", "read_at": fleet_away["read_at"]} == fleet_away
    assert 1 == len(fleet["instances"])
    assert samples
    assert before == away["leases"]
    assert away["ready"]
    assert "the reserve lasts" in str(away["reason"])


def test_a_pattern_is_previewed_without_a_database(tmp_path: Path) -> None:
    query = {"pattern": "RB{body:9}{check}", "alphabet": "digits", "check": "damm"}
    with opened_app("sqlite:////nowhere/at/all.sqlite3", tmp_path) as app:
        told = app.test_client().get("/api/series-preview", query_string=query).get_json()

    assert query.items() <= told.items()
    assert (12, 10**9, 47.2) == (told["length"], told["numbers"], told["barcode_mm"])
    assert {12} == {len(number) for number in told["examples"]}


@pytest.mark.parametrize(
    "query, parameter, message",
    [
        ("", "pattern", "is required"),
        ("pattern=RB{bdy:9}", "pattern", "at character 3, {bdy:9}: there is no such part"),
        ("pattern=X{body:9}{origin:ZZ}", "pattern", "ZZ is no officially assigned"),
        ("pattern=X{body:9}%0A", "pattern", "at character 10, \\n: a literal is"),
        ("pattern=", "pattern", "at its end: the pattern needs {body:N}"),
        ("pattern=A{body:9}&pattern=B{body:9}", "pattern", "more than once"),
        (f"pattern={'A' * 101}", "pattern", "at most 100 characters"),
        ("pattern={body:9}&alphabet=latin", "alphabet", "no alphabet latin"),
        ("pattern={body:9}{check}&alphabet=digits&check=x", "check", "no check algorithm x"),
        ("pattern={body:9}&alphabet=digits&check=luhn", "check", "has no {check}"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_by_name(
    site: FlaskClient, query: str, parameter: str, message: str
) -> None:
    response = site.get(f"/api/series-preview?{query}")
    ((error,),) = [response.get_json()["errors"]]

    assert 400 == response.status_code
    assert parameter == error["parameter"]
    assert message in error["message"]
