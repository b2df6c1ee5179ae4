"""What may happen, with weights: one step of a history draws one of these."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from tests.simulation import faults, fleet, operators, requests
from tests.simulation.world import World

Event = Callable[[World], None]

EVENTS: list[tuple[float, Event]] = [
    (26, requests.ask),
    (4, requests.rush),
    (10, requests.ask_for_batch),
    (3, requests.verify),
    (9, faults.let_time_pass),
    (2.0, faults.lose_commits),
    (2.0, faults.break_database),
    (4.0, faults.mend_database),
    (2.6, faults.fail_over),
    (1.2, faults.back_up),
    (1.2, faults.restore),
    (0.8, faults.serve_a_copy),
    (0.25, faults.bring_former_primary_back),
    (1.6, faults.kill),
    (1.8, faults.stop),
    (1.2, faults.hand_over),
    (4.2, faults.start),
    (0.7, faults.fork),
    (0.7, faults.freeze),
    (1.5, faults.thaw),
    (0.6, faults.cut_power),
    (0.3, faults.fill_disk),
    (0.3, faults.lose_folder),
    (0.3, faults.copy_folder),
    (1.4, faults.turn_clock),
    (0.6, operators.lease),
    (0.5, operators.mint),
    (0.5, operators.skip),
    (0.3, operators.create),
    (0.4, operators.succeed),
    (0.1, operators.close),
    (0.15, operators.move),
]
_ENDS = list(accumulate(weight for weight, _ in EVENTS))


def happen(world: World) -> None:
    """Let one thing happen, and everything that runs go on for a while."""
    draw = world.draw
    [event] = draw.choices([event for _, event in EVENTS], cum_weights=_ENDS)
    event(world)
    world.now += draw.random()
    for process in fleet.serving(world):
        if draw.random() < 0.7:
            process.look_after()
    # Often to the end of what was begun, else to somewhere in the middle of it.
    world.fibers.run(10_000 if draw.random() < 0.6 else draw.randrange(1, 40))
