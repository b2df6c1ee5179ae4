"""Proxies in front are believed as far as they are counted, and nobody is by default."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from tests.support.apps import opened_app
from tests.support.instance import Instance
from tests.support.waiting import wait_until
from tracking_service.serving import is_loopback

FORWARDED = {"X-Forwarded-For": "9.9.9.9, 8.8.8.8", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("hops, client", [(0, "127.0.0.1"), (1, "8.8.8.8"), (2, "9.9.9.9")])
def test_as_many_proxies_are_believed_as_there_are(
    migrated_sqlite_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    hops: int,
    client: str,
) -> None:
    settings = {"trusted_hops": hops, "access_log": True}
    with (
        caplog.at_level(logging.INFO),
        opened_app(migrated_sqlite_url, tmp_path / "state", **settings) as app,
    ):
        app.test_client().get("/healthz", headers=FORWARDED, buffered=True)
    (record,) = [each for each in caplog.records if each.getMessage() == "answered"]

    assert client == vars(record)["client"]


@pytest.mark.parametrize("hops, client", [("0", "127.0.0.1"), ("1", "8.8.8.8")])
def test_the_server_lets_the_word_of_proxies_through_where_it_counts(
    migrated_sqlite_url: str, hops: str, client: str
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_ACCESS_LOG": "on"}
    with Instance({**env, "TRACKING_TRUSTED_HOPS": hops}) as instance:
        instance.get("/healthz", headers=FORWARDED)

        wait_until(lambda: f"client={client}" in instance.log(), seconds=10, what="the log line")


@pytest.mark.parametrize(
    "host, expected",
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("no such host", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "host, auth, warns",
    [("0.0.0.0", "off", True), ("127.0.0.1", "off", False), ("0.0.0.0", "required", False)],
)
def test_an_open_door_is_warned_of(
    migrated_sqlite_url: str, host: str, auth: str, warns: bool
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "HOST": host, "TRACKING_AUTH": auth}
    command = (sys.executable, "-m", "flask", "serve", "--port", "{port}")
    with Instance(env, command=command) as instance:
        # The log has a thread of its own: only at the end is all of it written.
        assert 0 == instance.terminate()

        assert warns is ("TRACKING_AUTH=required" in instance.log())
