"""The database goes away and comes back: nobody who asks for a number notices.

FAULT_SECONDS makes the outage longer than the 20 seconds that it takes here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg
import pytest

from tests.faults.gates import STAGES, cut_leases_off, hold_leases_up
from tests.faults.lost_commits import BLOCK, RESERVE, lose_commits
from tests.faults.outages import OUTAGES, Outage, black_hole, frozen, services, stopped
from tests.support.at_once import at_once
from tests.support.fleet import Fleet, readiness, wait_for_reserve, wait_until_database_is
from tests.support.instance import Instance
from tests.support.ledger import judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.proxy import Loss
from tests.support.waiting import wait_until

SECONDS = float(os.environ.get("FAULT_SECONDS", "20"))
RATE = 200.0
# Seconds after an outage until an instance is sure to have leased: what hung is given up, a new
# connection too if it was begun amid the outage, and the next attempt comes within five.
RETURN_SECONDS = 10.0


def leases(server: PostgresServer) -> int:
    [(count,)] = server.execute("SELECT sum(lease_count) FROM series", database="tracking")
    return int(count)


def stays_ready_for(instance: Instance, seconds: float) -> list[float]:
    """Ask /readyz all the while; return the seconds of reserve that it named, in order."""
    end = time.monotonic() + seconds
    named: list[float] = []

    def is_over() -> bool:
        status, body = readiness(instance)
        assert 200 == status, body
        if body["database"] == "away":
            assert "the reserve lasts about" in body["reason"]
            named.append(body["reserve_seconds"])
        return time.monotonic() >= end

    wait_until(is_over, seconds=seconds + 5, what="the end of the outage", pause=0.25)
    return named


def test_no_request_fails_while_a_reserve_is_left(
    migrated_server: PostgresServer, resize: Callable[[str, int], None]
) -> None:
    def goes_unnoticed(case: tuple[Outage, float]) -> None:
        with migrated_server.copy() as server:
            resize(server.url("tracking"), 200)
            outage_goes_unnoticed(server, *case)

    at_once(
        goes_unnoticed,
        {
            "stopped": (stopped, SECONDS),
            "frozen": (frozen, SECONDS * 0.4),
            "black_hole": (black_hole, SECONDS * 0.4),
        },
    )


def outage_goes_unnoticed(server: PostgresServer, outage: Outage, seconds: float) -> None:
    # More than the outage and the return from it, and little enough that leases are wanted, and
    # tried, in its course: an instance holds a quarter more at the most.
    reserve = seconds + RETURN_SECONDS
    with services(server, TRACKING_RESERVE_SECONDS=f"{reserve:g}") as (fleet, proxy):
        begin, end = outage(server, proxy)
        with Load(fleet.addresses, clients=4, rate=RATE) as load:
            # Seconds of reserve are worth what the rate is that they were reckoned with.
            load.wait_for(round(2 * RATE))
            for instance in fleet:
                wait_for_reserve(instance, 0.95 * reserve)
            before = leases(server)
            begin()
            named = stays_ready_for(fleet[0], seconds)
            end()
            for instance in fleet:
                wait_until_database_is("up", instance)
            wait_until(lambda: leases(server) > before, seconds=20, what="leases to go on")
        judgement = judge(load.history, server.url("tracking"))

    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
    assert named[-1] < named[0]
    assert judgement.verdict.acknowledged > RATE * seconds * 0.8


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_instance_run_dry_refuses_at_once_and_comes_back(
    server: PostgresServer, set_block_size: Callable[[int], None], outage: Outage
) -> None:
    set_block_size(100)
    with services(server, TRACKING_RESERVE_SECONDS="0") as (fleet, proxy):
        begin, end = outage(server, proxy)
        with Load(fleet.addresses, clients=16) as load:
            load.wait_for(200)
            begin()
            wait_until_database_is("away", fleet[0])
            wait_until(
                lambda: load.history.verdict().failed.get(503, 0) >= 500,
                seconds=20,
                what="500 refusals",
            )
            status, body = readiness(fleet[0])
            healthy = fleet[0].get("/healthz").status
            end()
            for instance in fleet:
                load.wait_for(200, address=instance.address)
        judgement = judge(load.history, server.url("tracking"))

    assert (503, "away", 200) == (status, body["database"], healthy)
    assert judgement.honest, judgement
    # Nobody was left without an answer: a refusal is one.
    assert {503} == set(judgement.verdict.failed)
    assert 0 == judgement.verdict.perhaps + judgement.verdict.refused


def test_verifying_does_not_hang_with_a_frozen_database(server: PostgresServer) -> None:
    with services(server) as (fleet, _):
        number = fleet[0].number()
        before = fleet[0].get(f"/api/tracking-numbers/{number}").status
        server.pause()
        began = time.monotonic()
        during = fleet[0].get(f"/api/tracking-numbers/{number}").status
        took = time.monotonic() - began
        server.resume()
        after = fleet[0].get(f"/api/tracking-numbers/{number}").status

    assert (200, 503, 200) == (before, during, after)
    assert took < 8


def test_a_lease_cut_off_in_its_middle_is_thrown_away(
    migrated_server: PostgresServer, shrink: Callable[[str, int], None]
) -> None:
    def is_thrown_away(at: str) -> None:
        with migrated_server.copy() as server:
            shrink(server.url("tracking"), 100)
            hold_leases_up(server, at=at)
            cut_leases_are_thrown_away(server)

    at_once(is_thrown_away, {at: at for at in STAGES})


def cut_leases_are_thrown_away(server: PostgresServer) -> None:
    with (
        Fleet(server.url("tracking"), 2) as fleet,
        Load(fleet.addresses, clients=4, rate=RATE) as load,
    ):
        cut = cut_leases_off(server, load, times=4)
        load.close()
        judgement = judge(load.history, server.url("tracking"))

    assert cut >= 4
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement


def test_a_lease_whose_commit_is_not_answered_is_thrown_away(
    migrated_server: PostgresServer, resize: Callable[[str, int], None]
) -> None:
    def is_thrown_away(what: Loss) -> None:
        with migrated_server.copy() as server:
            resize(server.url("tracking"), BLOCK)
            doubt = lose_commits(server, what, times=2)
        verdict = doubt.judgement.verdict

        # The commits were made: the blocks are recorded, and nobody got a number from them.
        assert 2 == doubt.blocks
        assert [] == doubt.given
        assert doubt.judgement.honest, doubt.judgement
        assert 0 == verdict.failures + verdict.perhaps, doubt.judgement

    at_once(is_thrown_away, {what: what for what in RESERVE})


def test_a_server_with_every_connection_taken_is_waited_for(
    server: PostgresServer, set_block_size: Callable[[int], None]
) -> None:
    set_block_size(100)
    with services(server, TRACKING_RESERVE_SECONDS="10") as (fleet, _), ExitStack() as taken:
        with Load(fleet.addresses, clients=4, rate=RATE) as load:
            for instance in fleet:
                wait_for_reserve(instance, 9)
            before = leases(server)
            take_all_connections(server, taken)
            for instance in fleet:
                wait_until_database_is("away", instance)
            load.wait_for(400)
            status, body = readiness(fleet[0])
            taken.close()
            for instance in fleet:
                wait_until_database_is("up", instance)
            wait_until(lambda: leases(server) > before, seconds=20, what="leases to go on")
        judgement = judge(load.history, server.url("tracking"))

    assert (200, "away") == (status, body["database"])
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement


def take_all_connections(server: PostgresServer, taken: ExitStack) -> None:
    """Open connections until the server has none left, those of the service among them."""
    ours = taken.enter_context(psycopg.connect(server.url("tracking"), autocommit=True))
    while True:
        try:
            taken.enter_context(psycopg.connect(server.url("tracking")))
        except psycopg.OperationalError:
            # What the service holds is ended, and its place taken before it comes back.
            ended = ours.execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE application_name = 'tracking-service'"
            ).fetchall()
            if not ended:
                return
