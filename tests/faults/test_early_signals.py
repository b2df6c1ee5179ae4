"""SIGTERM before the port is open: what has been leased by then goes back, and the exit is 0."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support import processes
from tests.support.at_once import at_once
from tests.support.commands import ROOT, environment
from tests.support.instance import SERVE
from tests.support.ledger import Ledger
from tests.support.ports import free_port, listens
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

# Seconds from the signal to the end: the wait for keys, the hand-back, the keys given up, and a
# slow machine.
BOUND = 10.0
# Each moment is met more than once, somewhat earlier or later.
TIMES = {"once": 1, "twice": 2, "thrice": 3}


class Starting:
    """`flask serve` that is not waited for: it may not have come to its port yet."""

    def __init__(self, url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [part.format(port=self.port) for part in SERVE],
                cwd=ROOT,
                env=environment(DATABASE_URL=url, TRACKING_STATE_DIR=str(folder), **settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self) -> str:
        return self._log.read_text()

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        def is_met() -> bool:
            assert self.process.poll() is None, self.log()
            return bool(condition())

        wait_until(is_met, seconds=20, what=what, pause=0.001)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; return the exit code and the seconds until the end."""
        began = time.monotonic()
        self.process.terminate()
        return self.process.wait(30), time.monotonic() - began


@contextlib.contextmanager
def starting(url: str, **settings: str) -> Iterator[Starting]:
    with tempfile.TemporaryDirectory() as folder:
        started = Starting(url, Path(folder), **settings)
        try:
            yield started
        finally:
            processes.end(started.process)


@contextlib.contextmanager
def keys_held_back(server: PostgresServer) -> Iterator[None]:
    """Nobody can read the keys, so that a start waits for them a while, with its block leased."""
    with psycopg.connect(server.url("tracking")) as connection:
        connection.execute("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
        yield


def states(server: PostgresServer) -> list[str]:
    return [row.state for row in Ledger.read(server.url("tracking")).rows]


def leases(server: PostgresServer) -> int:
    [(count,)] = server.execute("SELECT sum(lease_count) FROM series", database="tracking")
    return int(count)


def test_a_signal_between_the_first_lease_and_the_port_hands_back(
    migrated_server: PostgresServer,
) -> None:
    def hands_back(_time: int) -> None:
        with migrated_server.copy() as server:
            signal_hands_back(server)

    at_once(hands_back, TIMES)


def signal_hands_back(server: PostgresServer) -> None:
    with starting(server.url("tracking"), TRACKING_AUTH="required") as instance:
        with keys_held_back(server):
            instance.wait_until(lambda: leases(server), "the first lease")
            code, took = instance.terminate()
        log = instance.log()

    assert 0 == code, log
    assert took < BOUND
    assert "Listening" not in log
    assert "were handed back" in log
    assert ["returned"] == states(server)


@pytest.mark.parametrize("moment", ["begun", "leased", "open"])
def test_a_signal_at_any_moment_after_the_first_lease_was_begun_is_obeyed(
    migrated_server: PostgresServer, moment: str
) -> None:
    def is_obeyed(_time: int) -> None:
        with migrated_server.copy() as server:
            signal_is_obeyed(server, moment)

    at_once(is_obeyed, TIMES)


def signal_is_obeyed(server: PostgresServer, moment: str) -> None:
    with starting(server.url("tracking")) as instance:
        reached: dict[str, Callable[[], object]] = {
            "begun": lambda: is_begun(server) or leases(server),
            "leased": lambda: leases(server),
            "open": lambda: listens(instance.port),
        }
        instance.wait_until(reached[moment], moment)
        code, took = instance.terminate()
        log = instance.log()

    assert 0 == code, log
    assert took < BOUND
    assert "leased" not in states(server)


def is_begun(server: PostgresServer) -> bool:
    """Whether the series was looked up, which is what a first lease begins with."""
    [(found,)] = server.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'tracking-service' AND query LIKE '%next_serial%'",
        database="tracking",
    )
    return bool(found)
