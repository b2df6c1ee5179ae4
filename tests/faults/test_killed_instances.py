"""Instances are killed at whatever instruction they are: all goes on, and no number comes twice."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from itertools import cycle

from tests.support.at_once import at_once
from tests.support.commands import flask
from tests.support.fleet import Fleet
from tests.support.instance import Instance
from tests.support.ledger import Ledger, judge
from tests.support.load import Load, name
from tests.support.oracle import History
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

SERIALS = 8_000
BLOCK = 100
HANDED_BACK = re.compile(r"unspent serials were handed back instance=(\S+)")


def test_two_of_four_instances_are_killed_and_restarted_under_load(
    server: PostgresServer, make_scarce: Callable[[int], None]
) -> None:
    # Small blocks, so that the kills find leases under way.
    make_scarce(200)
    with Fleet(server.url("tracking"), 4) as fleet:
        killed, alive = fleet.instances[:2], fleet.instances[2:]
        with Load(fleet.addresses, clients=8) as load:
            for victim in [*killed, *killed]:
                load.wait_for(500, address=victim.address)
                victim.kill()
                load.wait_for(500, address=alive[0].address)
                victim.start()
            for instance in fleet:
                load.wait_for(500, address=instance.address)
        judgement = judge(load.history, server.url("tracking"))
        spared = [load.history.verdict(target=name(one.address)) for one in alive]

    assert judgement.honest, judgement
    # The clients of the dead ones saw them go; nobody else saw anything.
    assert judgement.verdict.refused > 0
    for verdict in spared:
        assert 0 == verdict.failures + verdict.perhaps, verdict
    assert 0 == sum(judgement.verdict.failed.values()), judgement


def test_only_the_blocks_of_the_killed_are_lost_of_a_scarce_series(
    migrated_sqlite_url: str, server: PostgresServer
) -> None:
    urls = {"sqlite": migrated_sqlite_url, "postgresql": server.url("tracking")}

    at_once(only_the_blocks_of_the_killed_are_lost, urls)


def only_the_blocks_of_the_killed_are_lost(url: str) -> None:
    create_scarce_series(url)
    history = History()
    with Fleet(url, 3) as fleet:
        end_in_turn(fleet, history)
        for instance in fleet:
            assert 0 == instance.terminate()
        before_the_end = Ledger.read(url)
        stopped = {name for one in fleet for name in HANDED_BACK.findall(one.log())}
        spend_all(fleet[0].start(), history)
        judgement = judge(history, url)

    # Two were killed. Each had at most half a block left when it leased another.
    verdict = judgement.verdict
    gone = SERIALS - verdict.acknowledged - verdict.recovered
    assert judgement.honest, judgement
    assert len(stopped) >= 2 + 3
    assert not stopped & before_the_end.instances(state="leased")
    assert 0 <= gone <= 2 * 1.5 * BLOCK + verdict.perhaps


def create_scarce_series(url: str) -> None:
    command = "series create parcels --format s10 --service RA --country MY"
    sizes = f"--serials {SERIALS} --block-size {BLOCK}"
    done = flask(*command.split(), *sizes.split(), env={"DATABASE_URL": url})
    assert 0 == done.returncode, done.stderr


def end_in_turn(fleet: Fleet, history: History) -> None:
    """Kill one, stop the next, and so on, each amid requests, and start it again."""
    choice = random.Random(14)
    ways: Iterable[Callable[[Instance], object]] = cycle([Instance.kill, Instance.terminate])
    with Load(
        fleet.addresses, clients=6, rate=300, timeout=10, history=history, series="parcels"
    ) as load:
        for instance, end, _ in zip(cycle(fleet), ways, range(4), strict=False):
            load.wait_for(choice.randrange(30, 120), address=instance.address)
            end(instance)
            instance.start()


def spend_all(instance: Instance, history: History) -> None:
    """Ask until the series is exhausted."""
    with Load([instance.address], clients=4, history=history, series="parcels") as load:
        refusals = load.history.verdict().failed.get(503, 0)
        wait_until(
            lambda: load.history.verdict().failed.get(503, 0) > refusals + 2,
            seconds=25,
            what="the series' end",
            pause=0.05,
        )
