"""A process that may open few files: it says so, leaves connections waiting, and answers."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from tests.support.client import PARAMETERS, number_path
from tests.support.commands import ROOT, environment
from tests.support.fleet import wait_until_ready
from tests.support.instance import SERVE, Instance
from tests.support.raw import connections
from tests.support.waiting import wait_until

FILES = 256
IDLE = 300
LAST_IMPORT = "| numpy\n"
BATCH = json.dumps({**PARAMETERS, "count": 3})


def limited(files: int) -> tuple[str, ...]:
    """The command that serves as a process which may open `files` files."""
    return ("sh", "-c", f'ulimit -n {files}; exec "$0" "$@"', *SERVE)


def asked(
    instance: Instance, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, bytes]:
    """Status and body of the answer to a request on a connection of its own."""
    with closing(http.client.HTTPConnection(*instance.address, timeout=20)) as connection:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def instance(database_url: str) -> Iterator[Instance]:
    with Instance({"DATABASE_URL": database_url}, command=limited(FILES)) as instance:
        wait_until_ready(instance)
        yield instance


def test_with_more_connections_than_descriptors_every_request_is_answered(
    instance: Instance,
) -> None:
    post = {"Content-Type": "application/json"}
    with connections(instance.address, IDLE):
        status, body = asked(instance, "GET", number_path())
        number = json.loads(body)["tracking_number"]

        assert 200 == status
        for key in ("one", "one", "two"):
            key_header = {"Idempotency-Key": key}
            status, _ = asked(
                instance, "POST", "/api/tracking-numbers/", BATCH, **post, **key_header
            )
            assert 201 == status
        assert 200 == asked(instance, "GET", f"/api/tracking-numbers/{number}")[0]
        assert 200 == asked(instance, "GET", "/openapi.json")[0]
    assert 0 == instance.terminate()


def test_a_server_full_of_connections_takes_no_processor_time_and_writes_no_log(
    instance: Instance,
) -> None:
    process = psutil.Process(instance.pid)

    def used() -> float:
        times = process.cpu_times()
        return times.user + times.system

    with connections(instance.address, IDLE):
        wait_until(lambda: "connection limit" in instance.log(), seconds=20, what="it full")
        began, before = time.monotonic(), used()
        # What is measured is a rate.
        time.sleep(3.0)
        rate = (used() - before) / (time.monotonic() - began)

        assert rate < 0.2
    assert 1 == instance.log().count("connection limit")
    assert len(instance.log()) < 2000


def test_the_limit_that_holds_is_told_at_the_start(instance: Instance) -> None:
    limit = "at most 184 connections"
    wait_until(lambda: limit in instance.log(), seconds=20, what="the line that names the limit")


def test_a_server_with_hardly_any_descriptors_does_not_start(migrated_sqlite_url: str) -> None:
    command = [part.format(port=0) for part in limited(64)]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(DATABASE_URL=migrated_sqlite_url),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert 1 == ended.returncode
    assert (
        "Error: this process may open 64 files only (ulimit -n); with 8 threads it needs 88 at the"
        " least\n"
    ) == ended.stderr


def test_no_request_imports_anything(database_url: str) -> None:
    """An import opens files, and one that fails would fail its request."""
    command = (sys.executable, "-X", "importtime", *SERVE[1:])
    post = {"Content-Type": "application/json"}
    with Instance({"DATABASE_URL": database_url}, command=command) as instance:
        wait_until_ready(instance)
        wait_until(lambda: LAST_IMPORT in instance.log(), seconds=60, what="all imported")
        imported = instance.log()
        number = instance.number()
        for path in PATHS:
            asked(instance, "GET", path.format(number=number))
        for accept in ("application/json", "application/x-ndjson", "text/csv", "image/png"):
            for headers in ({}, {"Idempotency-Key": "one"}):
                asked(
                    instance,
                    "POST",
                    "/api/tracking-numbers/",
                    BATCH,
                    **post,
                    Accept=accept,
                    **headers,
                )
        asked(instance, "POST", "/api/tracking-numbers/", "{", **post)
        asked(instance, "HEAD", number_path())

        assert imported == instance.log()


PATHS = (
    number_path(weight="0", customer_name="ü"),
    number_path(series="nowhere"),
    "/api/tracking-numbers/{number}",
    "/api/tracking-numbers/MYID00000000000X",
    "/",
    "/fleet",
    "/docs",
    "/openapi.json",
    "/assets/x/page.js",
    "/api/status",
    "/api/status/history",
    "/api/fleet",
    "/healthz",
    "/readyz",
    "/metrics",
    "/nowhere",
)
