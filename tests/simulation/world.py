"""What surrounds the service in one history: time, chance, servers and hosts.

Everything that is drawn is drawn from one source, so that a seed repeats a history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.disks import MemoryDisk
from tests.simulation.fibers import Fibers
from tests.simulation.servers import Server
from tests.simulation.templates import State, fresh_state, initial_state
from tests.simulation.variants import AS_IT_IS, Variant

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle
    from tests.simulation.processes import Client

FOLDER = Path("/state")


class Host:
    """A machine: its disk with one state folder, and its wall clock."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.disk: MemoryDisk = world.variant.disk(world.fibers)
        self.clock_ahead = 0.0
        """Seconds by which its wall clock is ahead of the world's."""
        self.known: dict[str, set[int]] = {}
        """Leases that were recorded in its folder, by their series: the oracle's own book."""


@dataclass
class Backup:
    """A state that was put aside: it knows the first `commit` commits of `server`."""

    server: Server
    commit: int
    state: bytes
    restored: int = 0


@dataclass
class World:
    """One history's world; `timelines`: the database is one that has them, as PostgreSQL."""

    timelines: bool
    variant: Variant = AS_IT_IS
    draw: Random = field(default_factory=lambda: Random(0))
    now: float = 1000.0
    """Seconds, on the monotonic clock that all hosts share."""
    trace: list[str] | None = None
    """What happened, if somebody wants to read it."""

    def __post_init__(self) -> None:
        self.fibers = Fibers()
        self.template: State = initial_state()
        self.highest_timeline = 1
        self.servers: list[Server] = []
        self.primary = self.add_server(self.template.data, timeline=1)
        self.hosts: list[Host] = []
        self.clients: list[Client] = []
        self.backups: list[Backup] = []
        self.moved = False
        self.oracle: Oracle
        self._names = 0

    def clock(self) -> float:
        return self.now

    def uniform(self, least: float, most: float) -> float:
        return least + (most - least) * self.draw.random()

    def randbelow(self, limit: int) -> int:
        return self.draw.randrange(limit)

    def new_name(self, host: Host) -> str:
        self._names += 1
        return f"{host.name}:{self._names}:{self.draw.getrandbits(32):08x}"

    def say(self, what: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:9.2f}  {what}")

    def add_host(self) -> Host:
        host = Host(f"host{len(self.hosts) + 1}", self)
        self.hosts.append(host)
        return host

    def add_server(
        self,
        state: bytes,
        *,
        timeline: int,
        parent: Server | None = None,
        parent_commit: int = 0,
        guarded: bool = True,
    ) -> Server:
        server = Server(
            state,
            fibers=self.fibers,
            now=self.clock,
            timeline=timeline,
            parent=parent,
            parent_commit=parent_commit,
            guarded=guarded,
        )
        server.name = f"server {len(self.servers) + 1}"
        self.servers.append(server)
        self.highest_timeline = max(self.highest_timeline, timeline)
        return server

    def fresh_server(self) -> Server:
        """A database that nobody has used, with a key of its own."""
        return self.add_server(fresh_state().data, timeline=1)

    def end(self) -> None:
        """Give back what outlives a history."""
        for client in self.clients:
            # A fiber that was left in the middle of a transaction would keep its connection.
            client.dead = True
            self.fibers.kill(client)
            client.release()
        for server in self.servers:
            server.raw.close()
