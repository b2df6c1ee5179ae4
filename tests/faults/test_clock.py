"""The wall clock jumps, or differs between hosts: no number, no lease, no wait and no retry changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.at_once import at_once
from tests.support.client import PARAMETERS
from tests.support.fleet import Fleet, readiness, wait_until_ready
from tests.support.instance import Instance
from tests.support.ledger import judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer

DAY = 86_400


def test_a_jump_of_the_clock_changes_nothing(
    migrated_server: PostgresServer, shrink: Callable[[str, int], None], tmp_path: Path
) -> None:
    def changes_nothing(ahead_first: bool) -> None:
        with migrated_server.copy() as server:
            # Blocks that last half a second: leases are made at every setting of the clock.
            shrink(server.url("tracking"), 50)
            jumps = (DAY, -DAY) if ahead_first else (-DAY, DAY)
            jumps_change_nothing(server, tmp_path / f"clock-{ahead_first}", jumps)

    at_once(changes_nothing, {"ahead": True, "back": False})


def jumps_change_nothing(server: PostgresServer, clock: Path, jumps: tuple[int, ...]) -> None:
    set_clock(clock, 0)
    settings = {"FLASK_APP": "tests.faults.apps.jumping_clock", "TEST_CLOCK": str(clock)}
    with Fleet(server.url("tracking"), 2, **settings) as fleet:
        with Load(fleet.addresses, clients=8, rate=200) as load:
            for offset in (0, *jumps, 0):
                set_clock(clock, offset)
                load.wait_for(300)
            status, body = readiness(fleet[0])
        judgement = judge(load.history, server.url("tracking"))
        slowest = load.percentile(100)

    assert (200, "up") == (status, body["database"])
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
    assert slowest < 2


def set_clock(file: Path, offset: int) -> None:
    """Put the clock `offset` seconds ahead, in one step for those who read it."""
    new = file.with_suffix(".new")
    new.write_text(str(offset))
    new.replace(file)


@pytest.mark.parametrize("ahead", [20, 25 * 3600])
def test_a_key_has_one_answer_on_hosts_whose_clocks_differ(
    server: PostgresServer, tmp_path: Path, ahead: int
) -> None:
    def started(name: str, offset: int) -> Instance:
        set_clock(tmp_path / name, offset)
        return Instance(
            {
                "DATABASE_URL": server.url("tracking"),
                "FLASK_APP": "tests.faults.apps.jumping_clock",
                "TEST_CLOCK": str(tmp_path / name),
            }
        )

    with started("right", 0) as right, started("ahead", ahead) as other:
        wait_until_ready(right)
        wait_until_ready(other)
        first = {f"order-{n}": batch(right, f"order-{n}") for n in range(30)}
        # Each of these sweeps, and by its own clock the keys of the first have expired.
        second = {f"later-{n}": batch(other, f"later-{n}") for n in range(10)}
        again = {key: batch(other, key) for key in first} | {
            key: batch(right, key) for key in second
        }

    assert first | second == again
    assert 40 == len(set(again.values()))


def batch(instance: Instance, key: str) -> bytes:
    """The body of the answer to a request for a batch with an idempotency key."""
    response = instance.request(
        "POST",
        "/api/tracking-numbers/",
        headers={"Content-Type": "application/json", "Idempotency-Key": key},
        body=json.dumps({**PARAMETERS, "count": 2}).encode(),
    )
    assert 201 == response.status, response.body
    return response.body
