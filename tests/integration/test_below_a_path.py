"""The service below a path: pages, assets and the OpenAPI document name addresses that lead back."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.apps import opened_app
from tests.support.client import number_path
from tests.support.instance import Instance
from tests.support.servers import COMMANDS

PREFIX = "/tracking"
TRUSTED: Mapping[str, Any] = {"trusted_hops": 1}


def served(url: str, folder: Path, headers: Mapping[str, str], path: str, **settings: Any) -> str:
    with opened_app(url, folder / "state", **settings) as app:
        response = app.test_client().get(path, headers=dict(headers))
        assert 200 == response.status_code
        return response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/", "/fleet", "/docs"])
@pytest.mark.parametrize("sent", ["/tracking", "/tracking/", "/evil, /tracking"])
def test_a_page_takes_the_prefix_of_a_trusted_proxy(
    migrated_sqlite_url: str, tmp_path: Path, path: str, sent: str
) -> None:
    headers = {"X-Forwarded-Prefix": sent}
    html = served(migrated_sqlite_url, tmp_path, headers, path, **TRUSTED)

    assert 'data-root="/tracking"' in html
    found = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert len(found) > 4
    assert [] == [address for address in found if not re.match(r"/tracking/|#", address)]


@pytest.mark.parametrize("sent", ["/a/b-c", "/v1.2/~x_y"])
def test_the_document_names_the_path_as_its_server(
    migrated_sqlite_url: str, tmp_path: Path, sent: str
) -> None:
    with opened_app(migrated_sqlite_url, tmp_path / "state", **TRUSTED) as app:
        client = app.test_client()
        below = client.get("/openapi.json", headers={"X-Forwarded-Prefix": sent}).get_json()
        above = client.get("/openapi.json").get_json()

    assert [{"url": sent}] == below.pop("servers")
    assert above == below
    assert "servers" not in above
    assert [] == list(OpenAPIV31SpecValidator({**below, "servers": [{"url": sent}]}).iter_errors())


@pytest.mark.parametrize(
    "sent",
    ["//example.com", "/a//b", "tracking", "http://example.com", '/a"onload="x', "/<b>", "/a b"],
)
def test_what_is_no_plain_path_is_not_taken(
    migrated_sqlite_url: str, tmp_path: Path, sent: str
) -> None:
    html = served(migrated_sqlite_url, tmp_path, {"X-Forwarded-Prefix": sent}, "/", **TRUSTED)

    assert 'data-root=""' in html


def test_nobody_is_believed_by_default(migrated_sqlite_url: str, tmp_path: Path) -> None:
    headers = {"X-Forwarded-Prefix": PREFIX}

    assert 'data-root=""' in served(migrated_sqlite_url, tmp_path, headers, "/")


GRANIAN = (*COMMANDS["granian"][:-1], f"--url-path-prefix={PREFIX}", "wsgi:app")
SERVE = (sys.executable, "-m", "flask", "serve", "--host=127.0.0.1", "--port={port}")


@pytest.mark.parametrize(
    "command, settings, before, headers",
    [
        (COMMANDS["gunicorn"], {"SCRIPT_NAME": PREFIX}, PREFIX, {}),
        (GRANIAN, {}, PREFIX, {}),
        (SERVE, {"TRACKING_TRUSTED_HOPS": "1"}, "", {"X-Forwarded-Prefix": PREFIX}),
    ],
    ids=["gunicorn", "granian", "serve"],
)
def test_every_server_can_be_told(
    migrated_sqlite_url: str,
    command: Sequence[str],
    settings: dict[str, str],
    before: str,
    headers: dict[str, str],
) -> None:
    """`before` is what the server itself takes off the path."""
    env = {"DATABASE_URL": migrated_sqlite_url, **settings}
    with Instance(env, command=command) as instance:

        def get(path: str) -> Any:
            response = instance.get(before + path, headers=headers)
            assert 200 == response.status, (path, response.body)
            return response

        number = get(number_path()).json()["tracking_number"]
        known = get(f"/api/tracking-numbers/{number}").json()
        html = get("/").body.decode()
        script = re.search(r'src="([^"]+)"', html)
        assert script is not None
        asset = get(urljoin(f"{PREFIX}/", script[1]).removeprefix(PREFIX))
        servers = get("/openapi.json").json()["servers"]

    assert number == known["tracking_number"]
    assert f'data-root="{PREFIX}"' in html
    assert b"import" in asset.body
    assert [{"url": PREFIX}] == servers
