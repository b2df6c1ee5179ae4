"""`make soak`: a random mix of faults for SOAK_SECONDS, under load, judged at the end.

    SOAK_SECONDS=300 SOAK_SEED=42 python -m tests.faults.soak [MODULE]

The seed is printed; given again, it chooses the same faults in the same order. MODULE is another
application to run, such as a variant that is broken on purpose. Exits 0 where no number came twice,
none came from outside a recorded block, and every instance issued again after the last fault.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter

from tests.faults.soaking import FAULTS, Service
from tests.support.ledger import judge

DEFAULT_SECONDS = 300.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def soak(seconds: float, seed: int, application: str = "wsgi") -> bool:
    """Run the mix and print its report; return whether the service held."""
    say(f"soak: {seconds:g} s, SOAK_SEED={seed}")
    # A string of its own for the choice of faults: timing changes no choice.
    choice = random.Random(seed)
    done: Counter[str] = Counter()
    with Service(application) as service:
        with service.load() as load:
            load.wait_for(200)
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                fault = choice.choice(FAULTS)
                what = fault.__name__.replace("_", " ")
                fault(service, random.Random(choice.random()))
                done[what] += 1
                verdict = load.history.verdict()
                say(
                    f"{time.monotonic() - began:6.1f} s  {what:<32}"
                    f" {verdict.acknowledged} numbers, {verdict.failures} refused or failed,"
                    f" {verdict.perhaps} perhaps, {len(verdict.duplicated)} twice"
                )
            for instance in service.fleet:
                load.wait_for(100, address=instance.address)
        judgement = judge(load.history, service.url)
    for what, count in sorted(done.items()):
        say(f"{count:4} x {what}")
    say(str(judgement))
    say(
        f"{len(judgement.verdict.duplicated)} numbers twice,"
        f" {len(judgement.unrecorded)} from outside a recorded block: "
        + ("held" if judgement.honest else f"FAILED, repeat it with SOAK_SEED={seed}")
    )
    return judgement.honest


def main() -> None:
    seconds = float(os.environ.get("SOAK_SECONDS") or DEFAULT_SECONDS)
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
    sys.exit(0 if soak(seconds, seed, *sys.argv[1:2]) else 1)


if __name__ == "__main__":
    main()
