"""The end of a history: every fault ends, every instance issues once more and stops, and the books
are compared with the database.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import partial

from tests.simulation import fleet, requests
from tests.simulation.oracle import Held
from tests.simulation.processes import Process
from tests.simulation.servers import Server
from tests.simulation.world import World
from tracking_service.allocation import Block
from tracking_service.errors import AllocationError

RECOVERY_ROUNDS = 40
"""Rounds, of six seconds each, in which an instance must lease again when nothing is broken."""

_ROWS = 'SELECT start, "end", state FROM block WHERE series_id = ? ORDER BY start'


def settle(world: World) -> None:
    """Raises FaultError, as all of a history does."""
    _mend(world)
    world.fibers.run(1_000_000)
    for process in fleet.serving(world):
        if process.server is world.primary:
            _recover(process)
    _verify_some(world)
    for process in fleet.serving(world):
        process.stop()
    world.fibers.run(1_000_000)
    for process in fleet.instances(world):
        world.oracle.require(process.closed, f"{process.name} does not come to its end")
    for server in {world.primary} | {each.server for each in world.clients}:
        if server.alive:
            balance(world, server)


def _mend(world: World) -> None:
    for server in world.servers:
        server.fault = None
        server.losses.clear()
    for host in world.hosts:
        host.disk.full = False
    for process in fleet.instances(world):
        process.frozen = False


def _recover(process: Process) -> None:
    """The service comes back by itself: one number of the default series, in bounded time."""
    world = process.world
    for _ in range(RECOVERY_ROUNDS):
        process.look_after()
        world.fibers.run(10_000)
        opened = process.instance.registry.open.get("default")
        if opened is not None:
            try:
                serial = opened.next()
            except AllocationError:
                pass
            else:
                world.oracle.spend(process, "default", Block(serial, serial + 1))
                return
        world.now += 6.0
    world.oracle.require(False, f"{process.name} issues nothing, though nothing is broken")


def _verify_some(world: World) -> None:
    processes = fleet.serving(world)
    numbers = list(world.oracle.numbers)
    for number in world.draw.sample(numbers, min(2, len(numbers))):
        if processes:
            process = world.draw.choice(processes)
            world.fibers.spawn(process, partial(requests.check, process, number))
    world.fibers.run(10_000)


def balance(world: World, server: Server) -> None:
    """Hold the rows of a server beside what was handed out in its history.

    The blocks of a series lie side by side from its first serial to its counter: handed out,
    handed back, skipped, or lost to those that were killed.
    """
    spent_of: dict[str, list[int]] = {}
    anywhere = sorted(world.oracle.spent)
    for serial, held in world.oracle.spent.items():
        if serial not in world.oracle.excused_serials and server.knows(held.server, held.commit):
            spent_of.setdefault(held.series, []).append(serial)
    for series_id, name, first, counter in server.raw.execute(
        "SELECT id, name, first_serial, next_serial FROM series"
    ).fetchall():
        rows = server.raw.execute(_ROWS, [series_id]).fetchall()
        _balance(world, name, rows, (first, counter), spent_of.get(name, ()), anywhere)
    for client in world.clients:
        if isinstance(client, Process) and client.handed_back_to is server:
            _nothing_kept(server, client)


def _balance(
    world: World,
    name: str,
    rows: list[tuple[int, int, str]],
    ends: tuple[int, int],
    spent: Iterable[int],
    anywhere: list[int],
) -> None:
    """`spent` serials were handed out in this history, and those `anywhere` in whatever one."""
    oracle = world.oracle
    at = ends[0]
    for start, end, _ in rows:
        oracle.require(start == at, f"{name}: no block from {at} to {start}")
        at = end
    oracle.require(at == ends[1], f"{name}: blocks end at {at}, the counter is {ends[1]}")
    starts = [start for start, _, _ in rows]
    for serial in spent:
        index = bisect_right(starts, serial) - 1
        oracle.require(
            0 <= index and serial < rows[index][1] and rows[index][2] in {"leased", "spent"},
            f"{name}: serial {serial} was handed out, and is in no block that was leased",
        )
    for start, end, state in rows:
        count = bisect_left(anywhere, end) - bisect_left(anywhere, start)
        oracle.require(
            state != "spent" or count == end - start,
            f"{name}: block {start} to {end - 1} counts as spent, and {count} of it were handed out",
        )


def _nothing_kept(server: Server, process: Process) -> None:
    """What an instance held when it handed back is its own no more."""
    oracle = process.world.oracle
    for held_of in process.held.values():
        for held in held_of:
            # The child of a fork has its parent's leases in the books, and not as its own.
            if held.client is not process or not server.knows(held.server, held.commit):
                continue
            # Leased to it by two histories, once refused: a lease that is in doubt is a gap.
            if any(_is_twin(held, other) for other in oracle.leases):
                continue
            kept = server.raw.execute(
                "SELECT 1 FROM block JOIN series ON series.id = block.series_id"
                " WHERE name = ? AND start = ? AND instance = ? AND state = 'leased'",
                [held.series, held.block.start, process.instance.name],
            ).fetchone()
            oracle.require(
                kept is None,
                f"{held.series}: {process.name} handed back, and still has {held.block}",
            )


def _is_twin(one: Held, other: Held) -> bool:
    return other is not one and (other.client, other.series, other.block) == (
        one.client,
        one.series,
        one.block,
    )
