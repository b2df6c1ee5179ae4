"""A client's buffers give each number once, and no error, while the fleet is broken under them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.buffer_fleet import Plan, Seen, run
from tests.support.postgres import PostgresServer

SHORT = Plan(numbers=24_000, rate=2400, size=2000, away=3, at_most=90)


def test_buffers_go_on_while_instances_are_killed_and_the_database_is_stopped(
    server: PostgresServer,
) -> None:
    seen = run(server, SHORT)

    assert seen.fault(SHORT) is None


SOUND = Seen(3, [f"MYID{n}" for n in range(20)], [], 0.0, 2, 2.0, [])
PLAN = Plan(numbers=20, rate=1, size=1, away=1, at_most=1)


@pytest.mark.parametrize(
    "planted",
    [
        replace(SOUND, numbers=[*SOUND.numbers[:-1], "MYID0"]),
        replace(SOUND, errors=["BufferEmpty()"]),
        replace(SOUND, unrecorded=["MYID0"]),
        replace(SOUND, numbers=SOUND.numbers[:-1]),
        replace(SOUND, processes=2),
        replace(SOUND, kills=1),
    ],
)
def test_a_planted_fault_is_found(planted: Seen) -> None:
    assert SOUND.fault(PLAN) is None
    assert planted.fault(PLAN) is not None
