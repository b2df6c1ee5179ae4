"""Whoever reads the log stops reading: requests are answered and the end comes all the same."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fleet import wait_until_ready
from tests.support.instance import SERVE, Instance
from tests.support.load import Load
from tests.support.waiting import wait_until


class Log:
    """A pipe that takes a page and is read when the test says so."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, 4096)

    def read(self) -> str:
        """All that is in the pipe now."""
        parts = []
        while True:
            try:
                part = os.read(self._descriptor, 65_536)
            except BlockingIOError:
                break
            if not part:
                break
            parts.append(part)
        return b"".join(parts).decode()

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with closing(Log(tmp_path / "log")) as log:
        yield log


@pytest.fixture
def instance(log: Log, database_url: str) -> Iterator[Instance]:
    env = {"DATABASE_URL": database_url, "TRACKING_ACCESS_LOG": "on"}
    command = ("sh", "-c", f'exec "$0" "$@" 2>{log.path}', *SERVE)
    with Instance(env, command=command) as instance:
        wait_until_ready(instance)
        yield instance


def test_a_log_that_nobody_reads_delays_neither_requests_nor_the_end(instance: Instance) -> None:
    # Each has a line of some 150 bytes: the pipe is full after thirty of them.
    with Load([instance.address], clients=16) as load:
        load.wait_for(1000)
    verdict = load.history.verdict()
    began = time.monotonic()

    assert 0 == instance.terminate(seconds=15.0)
    assert time.monotonic() - began < 15.0
    assert verdict.unique
    assert 0 == verdict.failures == verdict.perhaps


def test_when_it_is_read_again_no_line_is_missing(log: Log, instance: Instance) -> None:
    for _ in range(200):
        instance.number()
    found: list[str] = []

    def all_there() -> bool:
        found.append(log.read())
        return "".join(found).count("route=/api/next-tracking-number") == 200

    wait_until(all_there, seconds=20, what="every line")
    assert 0 == instance.terminate()
    assert "unspent serials were handed back" in log.read()
