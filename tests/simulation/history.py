"""One history: a world, a fleet and what happens to it, all from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from tests.simulation import ending, events, fleet
from tests.simulation.oracle import FaultError, Oracle
from tests.simulation.variants import AS_IT_IS, Variant
from tests.simulation.world import World

STEPS = 60
"""Things that happen in one history."""


@dataclass
class Outcome:
    """What came of a history."""

    seed: int
    fault: str | None = None
    trace: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)


def run(
    seed: int,
    *,
    variant: Variant = AS_IT_IS,
    left_out: Collection[int] = (),
    trace: bool = False,
) -> Outcome:
    """Go through the history of a seed, without the steps that are `left_out`.

    Each step draws from a source of its own, so that to leave one out changes no other's draws.
    """
    draw = Random(seed)
    world = World(timelines=draw.random() < 0.6, variant=variant, draw=draw)
    world.trace = [] if trace else None
    world.oracle = Oracle(world)
    outcome = Outcome(seed, counts=world.oracle.counts, excused=world.oracle.excused)
    try:
        fleet.begin(world)
        for step in range(STEPS):
            if step in left_out:
                continue
            world.draw = world.fibers.draw = Random(seed * STEPS + step + 1)
            events.happen(world)
        world.draw = world.fibers.draw = Random(~seed)
        ending.settle(world)
    except FaultError as error:
        outcome.fault = str(error)
        world.say(f"FAULT: {error}")
    finally:
        world.end()
    outcome.trace = world.trace or []
    return outcome
