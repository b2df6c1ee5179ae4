"""Makes a history that failed shorter: leaves steps out for as long as it still fails.

Hypothesis's stateful testing is not the engine: it draws and records every choice, which takes
longer than a whole history here, and it would shrink draws, where a reader is served by fewer
steps. Each step draws from a source of its own, so that to leave one out changes no other's.
"""

from __future__ import annotations

from tests.simulation.history import STEPS, Outcome, run
from tests.simulation.variants import AS_IT_IS, Variant


def shrink(seed: int, *, variant: Variant = AS_IT_IS) -> Outcome:
    """The shortest history that was found, with its trace."""
    left_out: set[int] = set()
    size = STEPS // 2
    while size:
        smaller = False
        for first in range(0, STEPS, size):
            part = set(range(first, min(first + size, STEPS))) - left_out
            if part and run(seed, variant=variant, left_out=left_out | part).fault:
                left_out |= part
                smaller = True
        if not smaller or size > 1:
            size //= 2
    return run(seed, variant=variant, left_out=left_out, trace=True)


def describe(outcome: Outcome) -> str:
    """A history as a person reads it."""
    lines = "\n".join(f"  {line}" for line in outcome.trace)
    return f"SIMULATE_SEED={outcome.seed} SIMULATE_HISTORIES=1\n{lines}"
