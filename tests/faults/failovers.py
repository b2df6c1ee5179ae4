"""A failover under load: the primary dies, and a standby that has not heard of all takes over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.fleet import Fleet
from tests.support.load import Load
from tests.support.oracle import History
from tests.support.ports import HOST
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

# How many leases are to be forgotten at the least.
FORGOTTEN = 3


@dataclass
class Failover:
    """What is left of one: the new primary, the clients' history, the leases it has forgotten."""

    server: PostgresServer
    fleet: Fleet
    history: History
    forgotten: int

    @property
    def url(self) -> str:
        return self.server.url("tracking")


def starts(server: PostgresServer) -> set[int]:
    rows = server.execute("SELECT start FROM block WHERE state = 'leased'", database="tracking")
    return {start for (start,) in rows}


@contextmanager
def failover(
    primary: PostgresServer, *, from_the_first: bool = False, **settings: str
) -> Iterator[Failover]:
    """Two instances go through a failover under load, and a new one starts after it."""
    with primary.base_backup(apply_delay="1h") as standby:
        hosts = f"{HOST}:{primary.port},{HOST}:{standby.port}"
        url = f"postgresql://postgres@{hosts}/tracking?target_session_attrs=read-write"
        if from_the_first:
            standby.stop_receiving()
        with Fleet(url, 2, **settings) as fleet:
            history = History()
            # Requests are to outlast the pause, however long the newcomer takes to start.
            with Load(fleet.addresses, clients=4, rate=400, timeout=30, history=history) as load:
                load.wait_for(400)
                known: set[int] = set()
                if not from_the_first:
                    primary.wait_for_standby(standby)
                    standby.stop_receiving()
                    known = starts(primary)
                wait_until(
                    lambda: len(starts(primary) - known) >= FORGOTTEN + 1,
                    seconds=20,
                    what="leases that the standby does not hear of",
                )
                leased = starts(primary)
                primary.kill()
                # So that the newcomer is the first to lease: it remembers nothing.
                for instance in fleet:
                    instance.pause()
                standby.promote()
                after = Failover(standby, fleet, history, forgotten=len(leased - starts(standby)))
                newcomer = fleet.add()
                with Load([newcomer.address], clients=2, history=history) as more:
                    more.wait_for(400)
                    for instance in fleet.instances[:2]:
                        instance.resume()
                    for instance in fleet.instances[:2]:
                        load.wait_for(400, address=instance.address)
            yield after
