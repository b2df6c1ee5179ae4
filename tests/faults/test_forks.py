"""A process that forks shares no block with its children, and none of them hangs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.workers import BEFORE, GUNICORN
from tests.support.client import Client, number_path
from tests.support.commands import ROOT, environment
from tests.support.fleet import Fleet
from tests.support.ledger import Ledger, judge
from tests.support.load import Address, Load
from tests.support.oracle import History, duplicates
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    "command",
    [
        (*GUNICORN, "wsgi:app"),
        (*GUNICORN, "--preload", "wsgi:app"),
        (*GUNICORN, "--preload", "tests.faults.apps.issued_before_fork:app"),
        (*GUNICORN, "--preload", "--threads", "4", "tests.faults.apps.issued_before_fork:app"),
    ],
    ids=["no preload", "preload", "issued before", "issued before, threads"],
)
def test_every_worker_of_gunicorn_has_blocks_of_its_own(
    server: PostgresServer, make_scarce: Callable[[int], None], command: tuple[str, ...]
) -> None:
    make_scarce(50)
    url = server.url("tracking")
    with Fleet(url, 1, command=command) as fleet:
        with Load(fleet.addresses, clients=8) as load:
            load.wait_for(200)
            wait_until(
                lambda: len(issuers(url, ask_anew(fleet[0].address, load.history))) >= 3,
                seconds=20,
                what="a number from every worker",
            )
            load.wait_for(300)
        for number in BEFORE.findall(fleet.log()):
            load.history.recover(number)
        assert 0 == fleet[0].terminate()
        judgement = judge(load.history, url)
        rows = Ledger.read(url).rows

    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
    # Workers that end in good order hand back; so does a parent that held a block.
    assert {"spent", "returned"} == {row.state for row in rows}


def ask_anew(address: Address, history: History) -> list[str]:
    """Ask for a number on a new connection, which any worker may take; return all numbers."""
    client = Client(*address)
    history.attempt()
    history.acknowledge(client.get(number_path()).json()["tracking_number"])
    client.close()
    return history.numbers()


def issuers(url: str, numbers: list[str]) -> set[str]:
    """The names of the instances from whose blocks these numbers are."""
    ledger = Ledger.read(url)
    return {row.instance for number in numbers if (row := ledger.holding(number))}


def test_children_forked_amid_leases_issue_from_blocks_of_their_own(
    url: str, shrink: Callable[[str, int], None], tmp_path: Path
) -> None:
    shrink(url, 20)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.apps.forking", "32", "50"],
        cwd=ROOT,
        env=environment(DATABASE_URL=url, TRACKING_STATE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert 0 == done.returncode, done.stderr
    issued = [line.split() for line in done.stdout.splitlines()]
    ledger = Ledger.read(url)
    numbers = [number for _, number in issued]

    assert len({pid for pid, _ in issued}) == 33
    assert {} == duplicates(numbers)
    assert [] == ledger.unrecorded(numbers)
    for pid, number in issued:
        row = ledger.holding(number)
        assert row is not None
        assert pid == row.instance.split(":")[1]
