"""What one run of the benchmarks does, read from the environment in one place."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

RESULTS = Path(__file__).with_name("results")

PARTS = ("throughput", "latency", "batches", "process", "start")

VARIABLES = {
    "ROUNDS": "rounds, 5",
    "SECONDS_PER_ROUND": "seconds that each peer is asked in a round, 5",
    "BENCH_ONLY": f"parts, of {','.join(PARTS)}; all",
    "BENCH_RATE": "requests a second of latency and batches, 400",
    "BENCH_CONNECTIONS": "kept connections, 16",
    "BENCH_DATABASE_URL": "a PostgreSQL to measure on; one of its own",
    "BENCH_RESULTS": "folder for what is found, benchmarks/results",
}
"""The variables of the environment, each with its meaning and its default."""

N = TypeVar("N", int, float)


class PlanError(Exception):
    """A variable of the environment cannot be used; the message names it."""


@dataclass(frozen=True)
class Plan:
    """How much is measured. The defaults take about ten minutes in all."""

    rounds: int = 5
    seconds: float = 5.0
    """Of one peer in one round."""
    connections: int = 16
    """Kept open by the load generator, each with one request at a time."""
    rate: float = 400.0
    """Requests a second of the latency part: what the slowest peer bears with ease."""
    count: int = 10_000
    """Numbers in one batch."""
    parts: frozenset[str] = frozenset(PARTS)
    database_url: str | None = None
    """A PostgreSQL to measure on; by default one is started and thrown away."""
    results: Path = RESULTS
    """The folder in which what was found is kept."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Plan:
        """Read ROUNDS, SECONDS_PER_ROUND and BENCH_*. Raises PlanError."""
        only = environment.get("BENCH_ONLY", "")
        chosen = frozenset(only.replace(",", " ").split()) or cls.parts
        if unknown := chosen - set(PARTS):
            raise PlanError(
                f"BENCH_ONLY knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}"
            )
        return cls(
            rounds=_number(environment, "ROUNDS", int, cls.rounds),
            seconds=_number(environment, "SECONDS_PER_ROUND", float, cls.seconds),
            connections=_number(environment, "BENCH_CONNECTIONS", int, cls.connections),
            rate=_number(environment, "BENCH_RATE", float, cls.rate),
            parts=chosen,
            database_url=environment.get("BENCH_DATABASE_URL") or None,
            results=Path(environment.get("BENCH_RESULTS") or RESULTS),
        )


def take_no_arguments(
    program: str, does: str, variables: Mapping[str, str], arguments: Sequence[str]
) -> None:
    """Answer `--help` with the variables, and refuse any other argument; both exit at once."""
    width = max(map(len, variables))
    told = "\n".join(f"  {name:{width}}  {meaning}" for name, meaning in variables.items())
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=does,
        epilog=f"variables of the environment, with their defaults:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)


def _number(environment: Mapping[str, str], name: str, kind: Callable[[str], N], default: N) -> N:
    text = environment.get(name)
    if not text:
        return default
    try:
        value = kind(text)
    except ValueError:
        raise PlanError(f"{name} must be a number, not {text!r}") from None
    # Written so that a NaN is refused as well.
    if not value > 0:
        raise PlanError(f"{name} must be above 0, not {text}")
    return value
