"""The fleet of one history: hosts and the instances on them, started and ended."""

from __future__ import annotations

from tests.simulation.processes import Process
from tests.simulation.world import Host, World

INSTANCES_MOST = 6


def begin(world: World) -> None:
    """One to three hosts, and two to four instances on them."""
    for _ in range(world.draw.choice((1, 1, 2, 3))):
        world.add_host()
    for _ in range(world.draw.randrange(2, 5)):
        start(world, world.draw.choice(world.hosts))


def start(world: World, host: Host) -> Process:
    process = Process(world, host, reserve_seconds=world.draw.choice((1.0, 5.0, 60.0)))
    world.oracle.counts["instances"] += 1
    world.say(f"instance {process.name} starts")
    return process


def instances(world: World) -> list[Process]:
    """All that run, those that stop or are frozen too."""
    return [
        each
        for each in world.clients
        if isinstance(each, Process) and not each.dead and not each.closed
    ]


def serving(world: World) -> list[Process]:
    return [each for each in instances(world) if each.serves]
