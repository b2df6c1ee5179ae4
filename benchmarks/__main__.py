"""`python -m benchmarks`, or `make bench`: measure, show, and keep what was found.

docs/benchmarks.md has the method and the variables of the environment.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import batches, inprocess, machine, peers, report, serving, starting, wrk
from benchmarks.databases import Databases, databases
from benchmarks.peers import GRANIAN, GUNICORN, WAITRESS
from benchmarks.plan import VARIABLES, Plan, PlanError, take_no_arguments
from benchmarks.results import Figures
from benchmarks.targets import targets

SERVERS = (WAITRESS, GUNICORN, GRANIAN)
OVER_HTTP = {"throughput", "latency", "batches"}
WARM_UP_SECONDS = 1.0


def tell(line: str) -> None:
    """Say on stderr what is going on; stdout is for the tables."""
    print(line, file=sys.stderr, flush=True)


def measure(
    plan: Plan,
    stored: Databases,
    figures: Figures,
    *,
    servers: tuple[str, ...] = SERVERS,
    generator: serving.Generator = serving.by_wrk,
    serials: int = 400_000,
) -> None:
    """Run the chosen parts. What is measured in process comes first, on a machine at rest."""
    if "process" in plan.parts:
        tell("in process")
        with tempfile.TemporaryDirectory(prefix="tracking-bench-") as folder:
            inprocess.process(plan, figures, Path(folder), serials=serials)
    if "start" in plan.parts:
        tell("start and memory")
        starting.start(plan, figures, stored, servers)
    if not plan.parts & OVER_HTTP:
        return
    with ExitStack() as stack:
        chosen = peers.chosen(stored, stack, servers=servers)
        running = stack.enter_context(peers.running(chosen))
        tell(f"{len(chosen)} servers run; warming them up")
        serving.warm_up(running, generator, min(WARM_UP_SECONDS, plan.seconds))
        if "throughput" in plan.parts:
            serving.throughput(running, plan, figures, generator=generator, tell=tell)
        if "latency" in plan.parts:
            serving.latency(running, plan, figures, tell=tell)
        if "batches" in plan.parts:
            batches.batches(running, plan, figures, tell=tell)


def main(arguments: Sequence[str] = ()) -> int:
    """The exit code: 0, or 1 with one line where it cannot be measured."""
    does = "Measure the service beside its peers; show the tables, and keep what was found."
    take_no_arguments("benchmarks", does, VARIABLES, arguments)
    began = time.monotonic()
    try:
        plan = Plan.from_environment()
        if plan.parts & OVER_HTTP:
            wrk.program()
        load = machine.load()
        figures = Figures()
        with databases(plan.database_url) as stored:
            conditions = {
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                **machine.conditions(),
                "database": stored.description,
                "block size": f"{inprocess.BLOCK_SIZE:,} serials",
                "rounds": f"{plan.rounds}, peers in turn within each",
                "load average before": f"{load:g}",
            }
            measure(plan, stored, figures)
    except (PlanError, wrk.LoadError) as error:
        tell(f"Error: {error}")
        return 1
    keep(figures, conditions, plan.count, plan.results)
    tell(f"\n{time.monotonic() - began:.0f} s; kept in {plan.results.name}/")
    return 0


def keep(figures: Figures, conditions: dict[str, str], count: int, folder: Path) -> None:
    """Print the tables, and write results.md, results.json and results.png."""
    from benchmarks.plots import plot  # slow to import, and not needed to measure

    reached = targets(figures, count)
    caption = f"{conditions['processor']}, {conditions['processors']}; {conditions['python']}"
    drawn = plot(figures, folder / "results.png", caption)
    picture = "results.png" if drawn else None
    report.write(folder / "results.md", report.markdown(figures, reached, conditions, picture))
    report.write(folder / "results.json", report.as_json(figures, reached, conditions))
    print(report.terminal(figures, reached))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
