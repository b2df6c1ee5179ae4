"""`make simulate`: histories until SIMULATE_SECONDS are over or SIMULATE_HISTORIES are done.

    SIMULATE_SEED=42 SIMULATE_HISTORIES=1 python -m tests.simulation
    python -m tests.simulation canaries

The seed of the first history is printed; the others count on from it. A history that fails is
shrunk and printed. With `canaries`, each protection is taken out in turn instead, and the table of
how many histories it took to find that is printed. Exits 0 if all is as it should be.
"""

from __future__ import annotations

import itertools
import os
import random
import sys

from tests.simulation import campaign
from tests.simulation.canaries import CANARIES
from tests.simulation.shrinking import describe, shrink

DEFAULT_SECONDS = 60.0
CANARY_HISTORIES_MOST = 3_000


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def simulate(first: int, histories: int | None, seconds: float) -> bool:
    """Go through the histories, and print what came of them; return whether none failed."""
    say(f"SIMULATE_SEED={first}")
    seeds = itertools.count(first) if histories is None else range(first, first + histories)
    report = campaign.run(seeds, seconds=seconds, faults_most=1)
    say(str(report))
    for outcome in report.faults:
        with campaign.silence():
            say(describe(shrink(outcome.seed)))
    return not report.faults


def find_canaries(first: int) -> bool:
    """Take each protection out in turn; return whether all were missed."""
    say("| what is taken out | histories until it was found |\n| --- | ---: |")
    found_all = True
    for what, variant in CANARIES.values():
        seeds = range(first, first + CANARY_HISTORIES_MOST)
        report = campaign.run(seeds, variant=variant, faults_most=1)
        found_all &= bool(report.faults)
        say(f"| {what} | {report.histories if report.faults else 'not found'} |")
    return found_all


def main() -> None:
    seed = int(os.environ.get("SIMULATE_SEED") or random.SystemRandom().randrange(10**9))
    if sys.argv[1:] == ["canaries"]:
        sys.exit(not find_canaries(seed))
    asked = os.environ.get("SIMULATE_HISTORIES")
    histories = int(asked) if asked else None
    default = DEFAULT_SECONDS if histories is None else float("inf")
    seconds = float(os.environ.get("SIMULATE_SECONDS") or default)
    sys.exit(not simulate(seed, histories, seconds))


if __name__ == "__main__":
    main()
