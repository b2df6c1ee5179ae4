"""A database that goes mute after log-in: a paused pooler, a half-dead server, a deaf proxy."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.outages import TIMEOUT, reached_through
from tests.support.answers import fails
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy

# Seconds: the time-out for one answer, the start of Python, and a busy machine.
BOUND = 40.0

COMMANDS = {
    "blocks lease": (),
    "series export --output": ("export.jsonl",),
    "keys list": (),
    "numbers mint --origin MY --destination ID --count 3 --output": ("labels.txt",),
    "db upgrade": (),
}


@pytest.mark.parametrize("answers", [1, 2, 3], ids=lambda n: f"after {n} answers")
def test_a_server_listens_beside_a_mute_database_and_issues_when_it_speaks(
    server: PostgresServer, answers: int
) -> None:
    with Proxy(server.port) as proxy:
        proxy.mute(after=answers)
        began = time.monotonic()
        env = {
            "DATABASE_URL": reached_through(proxy, server),
            "TRACKING_DATABASE_TIMEOUT_SECONDS": TIMEOUT,
        }
        with Instance(env) as instance:
            took = time.monotonic() - began
            alive = instance.get("/healthz").status
            proxy.forward()
            wait_until_ready(instance)
            number = instance.number()
            code = instance.terminate()

    assert took < BOUND
    assert (200, 0) == (alive, code)
    assert number


def test_a_mute_database_does_not_hold_a_shutdown_up(server: PostgresServer) -> None:
    with Proxy(server.port) as proxy:
        proxy.mute(after=1)
        env = {
            "DATABASE_URL": reached_through(proxy, server),
            "TRACKING_DATABASE_TIMEOUT_SECONDS": TIMEOUT,
            "TRACKING_DRAIN_SECONDS": "1",
        }
        with Instance(env) as instance:
            began = time.monotonic()
            code = instance.terminate()
            took = time.monotonic() - began
            log = instance.log()

    assert 0 == code
    assert took < BOUND
    assert "there were no unspent serials" in log
    assert "handed back" not in log


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_gives_a_mute_database_up_in_one_line(
    server: PostgresServer, tmp_path: Path, command: str
) -> None:
    files = [str(tmp_path / name) for name in COMMANDS[command]]
    with Proxy(server.port) as proxy:
        proxy.mute(after=1)
        env = {
            "DATABASE_URL": reached_through(proxy, server),
            "TRACKING_DATABASE_TIMEOUT_SECONDS": TIMEOUT,
        }
        began = time.monotonic()
        done = fails(*command.split(), *files, env=env, seconds=BOUND)
        took = time.monotonic() - began

    assert "the database does not answer: given up after 1." in done.stderr
    assert took < BOUND
    assert [] == list(tmp_path.iterdir())
