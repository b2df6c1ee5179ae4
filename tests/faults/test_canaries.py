"""Tests of the tests: variants of the service that are broken on purpose are caught.

Each runs in a scenario of this suite, with a fault put in by a module in `broken/`; the service
itself has no switch for any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.failovers import FORGOTTEN, failover
from tests.faults.gates import cut_leases_off, hold_leases_up
from tests.faults.lost_commits import BLOCK, lose_commits
from tests.faults.restores import copy, into_its_place
from tests.faults.workers import BEFORE, GUNICORN
from tests.support.at_once import at_once
from tests.support.fleet import Fleet
from tests.support.ledger import Judgement, judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer

BROKEN = "tests.faults.broken"


def issue_for_a_while(url: str, variant: str) -> Judgement:
    with Fleet(url, 2, FLASK_APP=f"{BROKEN}.{variant}") as fleet:
        with Load(fleet.addresses, clients=4) as load:
            for instance in fleet:
                load.wait_for(400, address=instance.address)
        return judge(load.history, url)


def test_a_block_given_twice_is_caught(
    migrated_sqlite_url: str, shrink: Callable[[str, int], None]
) -> None:
    shrink(migrated_sqlite_url, 100)
    judgement = issue_for_a_while(migrated_sqlite_url, "block_twice")

    assert not judgement.verdict.unique
    assert not judgement.honest


def test_a_number_from_outside_a_recorded_block_is_caught(
    migrated_sqlite_url: str, resize: Callable[[str, int], None]
) -> None:
    resize(migrated_sqlite_url, 100)
    judgement = issue_for_a_while(migrated_sqlite_url, "unrecorded_block")

    assert judgement.unrecorded
    assert not judgement.honest


def test_a_fork_that_shares_a_block_is_caught(server: PostgresServer) -> None:
    url = server.url("tracking")
    command = (*GUNICORN, "--preload", f"{BROKEN}.no_fork_guard:app")
    with Fleet(url, 1, command=command) as fleet:
        with Load(fleet.addresses, clients=8) as load:
            load.wait_for(600)
        for number in BEFORE.findall(fleet.log()):
            load.history.recover(number)
        judgement = judge(load.history, url)

    assert not judgement.verdict.unique


def test_a_commit_believed_without_an_answer_is_caught(
    server: PostgresServer, make_scarce: Callable[[int], None]
) -> None:
    make_scarce(100)
    hold_leases_up(server, at="commit")
    with Fleet(server.url("tracking"), 2, FLASK_APP=f"{BROKEN}.commit_believed") as fleet:
        with Load(fleet.addresses, clients=4, rate=400) as load:
            cut_leases_off(server, load, times=2)
            for instance in fleet:
                load.wait_for(300, address=instance.address)
        judgement = judge(load.history, server.url("tracking"))

    assert not judgement.honest


def test_a_block_believed_in_doubt_is_caught(
    server: PostgresServer, set_block_size: Callable[[int], None]
) -> None:
    set_block_size(BLOCK)
    doubt = lose_commits(server, "answer", times=1, FLASK_APP=f"{BROKEN}.commit_believed")

    assert 1 == doubt.blocks
    assert doubt.given


def test_a_failover_without_the_timeline_check_is_caught(
    migrated_server: PostgresServer, shrink: Callable[[str, int], None]
) -> None:
    def is_caught(from_the_first: bool) -> None:
        with migrated_server.copy() as server:
            shrink(server.url("tracking"), 100)
            variant = f"{BROKEN}.no_timeline"
            with failover(server, from_the_first=from_the_first, FLASK_APP=variant) as after:
                judgement = judge(after.history, after.url)

        assert after.forgotten >= FORGOTTEN
        assert not judgement.verdict.unique

    at_once(is_caught, {"the last": False, "all": True})


def test_a_restored_file_without_high_water_marks_is_caught(
    migrated_sqlite_url: str, shrink: Callable[[str, int], None], tmp_path: Path
) -> None:
    url, path = migrated_sqlite_url, tmp_path / "tracking.sqlite3"
    shrink(url, 100)
    with Fleet(url, 2, FLASK_APP=f"{BROKEN}.no_high_water_mark") as fleet:
        with Load(fleet.addresses, clients=4) as load:
            copy(path, tmp_path / "old")
            load.wait_for(1000)
            into_its_place(tmp_path / "old", path)
            for instance in fleet:
                load.wait_for(500, address=instance.address)
        judgement = judge(load.history, url)

    assert not judgement.verdict.unique
