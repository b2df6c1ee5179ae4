"""No token, no key of a number space and no password in any log, error, page or help."""

from __future__ import annotations

import base64
import sqlite3
from pathlib import Path

import pytest
from click import Context, Group

from tests.support.apps import opened_app
from tests.support.client import number_path
from tests.support.commands import flask
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance
from tests.support.raw import exchange
from tracking_service.auth import digest_of
from tracking_service.container import services_of
from tracking_service.settings import Settings

PASSWORD = "hunter2-of-the-database"
# The server is not there: what the service says of that must not name the password.
AWAY = f"postgresql://tracking:{PASSWORD}@127.0.0.1:1/tracking"


def forms(secret: bytes) -> list[bytes]:
    """A secret as it might be written."""
    return [
        secret,
        secret.hex().encode(),
        base64.b64encode(secret),
        base64.urlsafe_b64encode(secret),
        repr(secret)[2:-1].encode(),
    ]


def test_an_instance_tells_no_secret(migrated_sqlite_url: str, tmp_path: Path) -> None:
    with opened_app(migrated_sqlite_url, tmp_path / "state") as app:
        _, token = services_of(app).api_keys.create("shop", ["issue", "verify", "operate"])
    with sqlite3.connect(migrated_sqlite_url.removeprefix("sqlite:///")) as connection:
        ((key,),) = connection.execute("SELECT key FROM number_space").fetchall()
    connection.close()
    secrets = [*forms(token[3:].encode()), *forms(digest_of(token)), *forms(key)]
    env = {
        "DATABASE_URL": migrated_sqlite_url,
        "TRACKING_AUTH": "required",
        "TRACKING_ACCESS_LOG": "on",
    }
    told = b""
    with Instance(env) as instance:
        wait_until_ready(instance)
        for value in (f"Bearer {token}", f"Bearer {token}x", f"Basic {token}", token):
            for path in (
                number_path(),
                "/metrics",
                "/api/status",
                "/api/fleet",
                "/",
                "/fleet",
                "/docs",
                "/openapi.json",
            ):
                response = instance.get(path, headers={"Authorization": value})
                told += str(response.headers).encode() + response.body
        for line in (
            f"GET /{token} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            f"GET /healthz?access_token={token} HTTP/1.0\r\n\r\n",
            f"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\nX: y\r\n\r\n",
            f"{token} / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            told += exchange(instance.address, line.encode())
        assert 0 == instance.terminate()
        told += instance.log().encode()

    assert len(told) > 10_000
    assert [] == [secret for secret in secrets if secret in told]


def test_a_database_that_is_away_is_told_of_without_its_password(tmp_path: Path) -> None:
    env = {"DATABASE_URL": AWAY, "TRACKING_AUTH": "required"}
    with Instance(env) as instance:
        told = instance.get("/readyz").body
        for headers in ({}, {"Authorization": "Bearer tn_" + "A" * 43}):
            for path in (number_path(), "/api/tracking-numbers/X", "/metrics"):
                told += instance.get(path, headers=headers).body
        instance.terminate()
        told += instance.log().encode()
    for command in (["keys", "list"], ["series", "list"], ["db", "upgrade"]):
        done = flask(*command, env={"DATABASE_URL": AWAY})
        assert done.returncode != 0
        told += (done.stdout + done.stderr).encode()

    assert PASSWORD.encode() not in told


@pytest.mark.parametrize("mark", ["@", "/", "?", "#", "@a,b"])
@pytest.mark.parametrize("command", ["serve --port 0", "keys list", "db upgrade"])
def test_a_password_that_is_not_escaped_is_shown_to_nobody(command: str, mark: str) -> None:
    """Not even the part behind the mark, which was looked up as a host, and logged."""
    url = f"postgresql://tracking:hunter2{mark}behind@127.0.0.1:1/tracking"
    done = flask(*command.split(), env={"DATABASE_URL": url})

    assert 1 == done.returncode
    assert done.stderr.startswith("Error: DATABASE_URL ")
    assert [] == [part for part in ("hunter2", "behind", "tracking:") if part in done.stderr]


def test_no_help_shows_what_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", AWAY)
    with opened_app(migrated_sqlite_url, tmp_path / "state") as app:
        runner = app.test_cli_runner()

        def every(group: Group, *path: str) -> list[str]:
            texts, context = [], Context(group)
            for name in group.list_commands(context):
                command = group.get_command(context, name)
                texts.append(runner.invoke(args=[*path, name, "--help"]).output)
                if isinstance(command, Group):
                    texts += every(command, *path, name)
            return texts

        texts = every(app.cli)

    assert len(texts) > 15
    assert [] == [text for text in texts if PASSWORD in text]


def test_settings_show_no_password() -> None:
    assert PASSWORD not in repr(Settings(database_url=AWAY))
