"""`make scale`: what one row of one PostgreSQL can feed, measured and then simulated.

First what 1 to 10,000 series cost one instance; then leases a second by 1 to 64 processes, with 1,
10 and 100 blocks in a lease, and 10 to 10,000 instances with the lease time that was measured.
docs/scale.md tells what follows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from benchmarks import machine, many_series_report, scale_report
from benchmarks.databases import databases
from benchmarks.leasing import Leasing, lease_flat_out, lease_seconds
from benchmarks.many_series import COUNTS, measure_many_series
from benchmarks.plan import VARIABLES, Plan, PlanError, take_no_arguments
from benchmarks.report import write
from benchmarks.simulation import Course, World, instance_counts, run
from tests.support.commands import migrate

PARTS = ("series", "leases")
SCALE_VARIABLES = {
    "SCALE_SECONDS": "seconds of each measurement, 2",
    "SCALE_PROCESSES": "the most processes that lease at once, 64",
    "SCALE_ONLY": f"parts, of {','.join(PARTS)}; all",
    "SCALE_SERIES": "the most series of one database, 10,000",
    "SCALE_OPEN": "the most series that one instance has open, 100",
    "SCALE_INSTANCES": "the most instances that are simulated, 10,000",
    **{name: VARIABLES[name] for name in ("BENCH_DATABASE_URL", "BENCH_RESULTS")},
}
PROCESSES = (1, 2, 4, 8, 16, 32, 64)
BLOCKS = (1, 10, 100)
BLOCK_SIZES = (1_000, 10_000, 100_000)
RATE = 1000.0
"""Numbers a second of each simulated instance: a busy one."""


def measure(
    url: str | None, *, seconds: float, processes: tuple[int, ...]
) -> tuple[list[Leasing], str]:
    """Leases a second, and on which database."""
    with databases(url) as stored, stored.new() as database:
        migrate(database)
        found = []
        # Block counts in turn for each number of processes, so that noise hits all alike.
        for count in processes:
            for blocks in BLOCKS:
                leasing = lease_flat_out(database, processes=count, blocks=blocks, seconds=seconds)
                print(
                    f"{count:3} processes, {blocks:3} blocks a lease:"
                    f" {leasing.leases_per_second:7.0f} leases a second,"
                    f" p50 {1000 * leasing.p50:7.2f} ms, p99 {1000 * leasing.p99:7.2f} ms",
                    flush=True,
                )
                found.append(leasing)
        return found, stored.description


def simulate(seconds_each: float, most: int) -> dict[str, list[Course]]:
    """Three questions: one block at a time, the reserve of 15 minutes, and a cold start of all."""
    counts = list(instance_counts(most))
    courses: dict[str, list[Course]] = {"one block": [], "reserve": [], "cold": []}
    for count in counts:
        for size in BLOCK_SIZES:
            world = World(count, seconds_each, RATE, size, reserve_seconds=0.0)
            # Long enough for several blocks of each, and for a queue to fill.
            long = max(30.0, 6 * size / RATE, 4 * count * seconds_each)
            courses["one block"].append(run(world, long))
        courses["reserve"].append(run(World(count, seconds_each, RATE), 600.0))
        cold = World(count, seconds_each, RATE, cold=True)
        courses["cold"].append(run(cold, 5 + 4 * count * seconds_each))
    return courses


def main(arguments: Sequence[str] = ()) -> int:
    """The exit code: 0, or 1 with one line where it cannot be measured."""
    does = "Measure leases against one hot row, simulate many instances, and keep what was found."
    take_no_arguments("benchmarks.scale", does, SCALE_VARIABLES, arguments)
    from benchmarks.scale_plots import plot_leases, plot_simulated  # slow to import

    try:
        plan = Plan.from_environment()
        only = os.environ.get("SCALE_ONLY", "").replace(",", " ").split() or PARTS
        if unknown := set(only) - set(PARTS):
            raise PlanError(
                f"SCALE_ONLY knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}"
            )
        seconds = float(os.environ.get("SCALE_SECONDS") or 2)
        most_processes = int(os.environ.get("SCALE_PROCESSES") or PROCESSES[-1])
        most_series = int(os.environ.get("SCALE_SERIES") or COUNTS[-1])
        most_open = int(os.environ.get("SCALE_OPEN") or 100)
        most = int(os.environ.get("SCALE_INSTANCES") or 10_000)
    except (PlanError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    conditions = machine.conditions(("sqlalchemy", "psycopg", "simpy"))
    conditions["load average before"] = str(machine.load())
    if "series" in only:
        with databases(plan.database_url) as stored:
            many = measure_many_series(stored, most=most_series, most_open=most_open)
            told = {**conditions, "database": stored.description}
        write(plan.results / "many-series.md", many_series_report.markdown(many, told))
        write(plan.results / "many-series.json", many_series_report.as_json(many, told))
    if "leases" not in only:
        return 0
    processes = tuple(count for count in PROCESSES if count <= most_processes)
    found, database = measure(plan.database_url, seconds=seconds, processes=processes)
    courses = simulate(lease_seconds(found), most)
    conditions["database"] = database
    print(scale_report.sentence(found))
    write(plan.results / "scale.md", scale_report.markdown(found, courses, conditions))
    write(plan.results / "scale.json", scale_report.as_json(found, courses, conditions))
    caption = f"{conditions['processor']}, {conditions['processors']}; {database}"
    plot_leases(found, plan.results / "scale-leases.png", caption)
    plot_simulated(courses, lease_seconds(found), plan.results / "scale-simulated.png", caption)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
