"""Many histories, one after the other, and what they amount to."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation import history
from tests.simulation.history import Outcome
from tests.simulation.variants import AS_IT_IS, Variant


@dataclass
class Report:
    """What a campaign found."""

    histories: int = 0
    cpu_seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    faults: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.histories += 1
        self.counts += outcome.counts
        self.excused += outcome.excused
        if outcome.fault:
            self.faults.append(outcome)

    def a_minute(self, what: str) -> float:
        """How many of these were simulated in a minute of one core."""
        return self.counts[what] / self.cpu_seconds * 60 if self.cpu_seconds else 0.0

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        leases, failovers = self.a_minute("leases"), self.a_minute("failovers")
        lines = [
            f"{self.histories} histories in {self.cpu_seconds:.1f} s of one core: {counts}",
            f"{leases:.0f} leases and {failovers:.0f} failovers or restores a minute",
        ]
        lines += [f"{count} repeats allowed: {why}" for why, count in self.excused.items()]
        lines.append(f"{len(self.faults)} faults")
        return "\n".join(lines)


@contextmanager
def silence() -> Iterator[None]:
    """Without the service's log, which would tell of every fault that is simulated."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def run(
    seeds: Iterable[int],
    *,
    variant: Variant = AS_IT_IS,
    seconds: float = float("inf"),
    faults_most: int = 10,
) -> Report:
    """Go through a history for each seed, for `seconds` at the most or until so many faults."""
    report = Report()
    with silence():
        history.run(0, variant=variant)  # compiles statements and makes the databases to begin from
        end = time.monotonic() + seconds
        began = time.process_time()
        for seed in seeds:
            report.add(history.run(seed, variant=variant))
            if len(report.faults) >= faults_most or time.monotonic() >= end:
                break
        report.cpu_seconds = time.process_time() - began
    return report
