"""Leases that PostgreSQL has committed, and whose answers never come: the outcome is unknown.

The connection breaks there, or goes silent. The block is recorded, in the name of an instance that
must not use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.outages import services
from tests.support.fleet import Fleet, wait_for_reserve
from tests.support.ledger import Judgement, Ledger, judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.proxy import Loss, Proxy
from tests.support.waiting import wait_until

RATE = 200.0
BLOCK = 100
# Seconds. A silent connection is given up after two, twice the time-out of a statement; one that
# broke is replaced at once.
RESERVE: Mapping[Loss, float] = {"answer": 2.0, "line": 4.0}
# How much more than that a lease fetches, at the most, with some to spare.
SURPLUS = 1.5
AGAIN = "leasing works again"


@dataclass(frozen=True)
class Doubt:
    """What came of the blocks whose leases were in doubt."""

    judgement: Judgement
    blocks: int
    """How many of them are recorded."""
    given: list[str]
    """Numbers from such a block that a client got."""


def lose_commit(proxy: Proxy, what: Loss) -> None:
    """Lose the answer to the next commit of a lease, and return when that has happened."""
    before = proxy.losses
    # Pings commit too.
    proxy.lose(b"COMMIT\0", what, after=b"INSERT INTO block")
    wait_until(lambda: proxy.losses > before, seconds=20, what="a lease to commit")


def wait_until_over(fleet: Fleet, losses: int) -> None:
    """Wait until the instances have leased again after so many losses.

    One that leans on its reserve is not to be hit again: the reserve is for one.
    """
    wait_until(
        lambda: fleet.log().count(AGAIN) >= losses, seconds=20, what="leases after those lost"
    )


def lose_commits(server: PostgresServer, what: Loss, *, times: int, **settings: str) -> Doubt:
    """Lose the answers to so many commits of leases under load, and judge what came of it."""
    seconds = RESERVE[what]
    settings = {"TRACKING_RESERVE_SECONDS": f"{seconds:g}", **settings}
    with services(server, **settings) as (fleet, proxy):
        with Load(fleet.addresses, clients=4, rate=RATE) as load:
            for before in range(times):
                wait_until_over(fleet, before)
                for instance in fleet:
                    wait_for_reserve(instance, 0.9 * seconds)
                lose_commit(proxy, what)
            # All that they held, and so a block that was believed, is spent by then.
            load.wait_for(round(SURPLUS * seconds * RATE) + 2 * BLOCK)
        # Who ends in good order settles every block that it knows of; what stays, nobody knows.
        for instance in fleet:
            assert 0 == instance.terminate()
        ledger = Ledger.read(server.url("tracking"))
        judgement = judge(load.history, server.url("tracking"))
    unsettled = {row.id for row in ledger.rows if row.state == "leased"}
    given = [
        number
        for number in load.history.numbers()
        if (row := ledger.holding(number)) and row.id in unsettled
    ]
    return Doubt(judgement, len(unsettled), given)
