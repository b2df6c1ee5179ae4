"""SIGTERM: what is under way is finished, tails go back, and the end comes, whatever hangs."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.outages import WAYS, Outage, services
from tests.support.at_once import at_once
from tests.support.client import Client
from tests.support.fleet import Fleet, wait_for_reserve, wait_until_database_is
from tests.support.instance import Instance
from tests.support.ledger import Ledger, judge
from tests.support.load import Load, name
from tests.support.ports import listens
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

DRAIN = 1.0
# Seconds from the signal to the end at the most: the drain, the hand-back, and a slow machine.
BOUND = 2 * DRAIN + 6
NAMES = re.compile(r"instance=(\S+)")


def test_a_stop_under_load_loses_no_request_and_no_serial(
    url: str, shrink: Callable[[str, int], None]
) -> None:
    shrink(url, 500)
    with Fleet(url, 2) as fleet:
        stopped, other = fleet
        with Load(fleet.addresses, clients=8, rate=400) as load:
            load.wait_for(300)
            code = stopped.terminate()
            load.wait_for(200, address=other.address)
        verdicts = [load.history.verdict(target=name(one.address)) for one in fleet]
        judgement = judge(load.history, url)
        [instance] = set(NAMES.findall(stopped.log()))
        states = {row.state for row in Ledger.read(url).rows if row.instance == instance}

    assert 0 == code
    assert judgement.honest, judgement
    # Until nobody listens any more, every request gets its number.
    assert 0 == sum(verdict.perhaps + sum(verdict.failed.values()) for verdict in verdicts)
    assert 0 == verdicts[1].failures
    # All that it held has gone back; the other may have leased that tail since.
    assert "leased" not in states
    assert "spent" in states


def test_a_draining_instance_is_not_ready(server: PostgresServer) -> None:
    with Fleet(server.url("tracking"), 1) as fleet:
        instance = fleet[0]
        client = Client(*instance.address)
        before = client.get("/readyz").status
        signalled(instance, signal.SIGTERM)
        # Asked without a pause, the connection is never idle long enough to be closed.
        answer = client.get("/readyz")
        while answer.status == 200:
            answer = client.get("/readyz")
        client.close()

    assert (200, 503) == (before, answer.status)
    assert "shutting down" in answer.json()["detail"]
    assert "close" == answer.headers["Connection"].lower()


def test_a_signal_sent_as_soon_as_the_port_is_open_is_obeyed(migrated_sqlite_url: str) -> None:
    codes = []
    for _ in range(6):
        with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
            codes.append(instance.terminate())

    assert [0] * 6 == codes
    assert not [row for row in Ledger.read(migrated_sqlite_url).rows if row.state == "leased"]


def test_the_end_comes_in_time_whatever_has_become_of_the_database(
    migrated_server: PostgresServer, resize: Callable[[str, int], None]
) -> None:
    def comes_in_time(outage: Outage) -> None:
        with migrated_server.copy() as server:
            resize(server.url("tracking"), 500)
            end_comes_in_time(server, outage)

    at_once(comes_in_time, WAYS)


def end_comes_in_time(server: PostgresServer, outage: Outage) -> None:
    with services(server, TRACKING_DRAIN_SECONDS=f"{DRAIN:g}") as (fleet, proxy):
        begin, end = outage(server, proxy)
        with Load(fleet.addresses, clients=4, rate=200) as load:
            for instance in fleet:
                wait_for_reserve(instance, 60)
            begin()
            wait_until_database_is("away", fleet[0])
            began = time.monotonic()
            code = fleet[0].terminate()
            took = time.monotonic() - began
            load.wait_for(100, address=fleet[1].address)
        log = fleet[0].log()
        end()
        judgement = judge(load.history, server.url("tracking"))

    assert 0 == code
    assert took < BOUND
    assert "unspent serials are lost" in log
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.perhaps + sum(judgement.verdict.failed.values()), judgement


def test_a_second_signal_ends_at_once(server: PostgresServer) -> None:
    with services(server, TRACKING_DRAIN_SECONDS="60") as (fleet, _):
        instance = fleet[0]
        server.pause()
        wait_until_database_is("away", instance)
        signalled(instance, signal.SIGTERM)
        wait_until(lambda: not listens(instance.port), seconds=5, what="the drain")
        began = time.monotonic()
        with pytest.raises(RuntimeError, match="does not run"):
            wait_until(lambda: signalled(instance, signal.SIGTERM), seconds=5, what="the end")
        took = time.monotonic() - began
        server.resume()

    assert took < 3


def signalled(instance: Instance, number: signal.Signals) -> None:
    """Send a signal; RuntimeError where the instance does not run."""
    os.kill(instance.pid, number)
