"""What `make scale` found, as Markdown with the sentence for planners, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from benchmarks.leasing import Leasing, lease_seconds
from benchmarks.report import number, table
from benchmarks.simulation import Course

QUESTIONS: Mapping[str, str] = {
    "one block": "One block at a time, without a reserve",
    "reserve": "With fifteen minutes in reserve, the default",
    "cold": "All instances start at once, with nothing",
}

Courses = Mapping[str, Sequence[Course]]


def sentence(found: Sequence[Leasing]) -> str:
    """What a capacity planner needs, with the figures of this machine."""
    fewest = min(each.blocks for each in found)
    single = [each for each in found if each.blocks == fewest]
    best = max(single, key=lambda each: each.leases_per_second)
    crowded = max(single, key=lambda each: each.processes)
    rate = crowded.leases_per_second
    return (
        f"One row gave at most {number(best.leases_per_second)} leases a second here"
        f" (processes: {best.processes}), and {number(rate)} with the most that contend for it"
        f" (processes: {crowded.processes}). At the latter rate it feeds {number(rate * 10_000)}"
        f" numbers a second in all with one block of 10,000 in a lease; with the default reserve,"
        f" from which an instance leases at most once in 225 s, more seldom below about 44 numbers"
        f" a second, it feeds {number(rate * 225)} instances."
    )


def markdown(found: Sequence[Leasing], courses: Courses, conditions: Mapping[str, str]) -> str:
    """A page of its own, beside the plots."""
    lines = ["# What one row feeds", "", "Made by `make scale`; docs/scale.md has the method.", ""]
    lines += [f"- {name}: {value}" for name, value in conditions.items()]
    lines += ["", sentence(found), "", "## Measured", ""]
    lines += ["![Leases a second and their latency, by processes](scale-leases.png)", ""]
    head = ("processes", "blocks a lease", "leases a second", "p50, ms", "p99, ms")
    rows = [
        (
            str(each.processes),
            str(each.blocks),
            number(each.leases_per_second),
            number(1000 * each.p50),
            number(1000 * each.p99),
        )
        for each in found
    ]
    lines += [*table(head, rows), "", "## Simulated", ""]
    lines += ["Each instance is asked for the same number of numbers a second; a lease takes"]
    lines += [f"{number(1000 * lease_seconds(found))} ms, which is the best that was measured.", ""]
    lines += ["![Numbers a second and waits, by instances](scale-simulated.png)"]
    for question, simulated in courses.items():
        lines += ["", f"### {QUESTIONS[question]}", "", *_courses(simulated)]
    return "\n".join(lines) + "\n"


def _courses(courses: Sequence[Course]) -> list[str]:
    head = (
        *("instances", "block size", "numbers a second asked", "given", "leases a second"),
        *("row busy", "p99 wait, s", "last had its first lease after, s"),
    )
    rows = [
        (
            f"{course.world.instances:,}",
            f"{course.world.block_size:,}",
            number(course.asked),
            f"{course.given / course.asked:.0%}",
            number(course.leases_per_second),
            f"{course.utilisation:.0%}",
            number(course.wait(99)),
            number(course.last_first) if course.world.cold else "",
        )
        for course in courses
    ]
    return list(table(head, rows))


def as_json(found: Sequence[Leasing], courses: Courses, conditions: Mapping[str, str]) -> str:
    """For programs."""
    document = {
        "conditions": dict(conditions),
        "lease_seconds": lease_seconds(found),
        "measured": [asdict(leasing) for leasing in found],
        "simulated": {
            question: [
                {
                    **asdict(course.world),
                    "leases_per_second": course.leases_per_second,
                    "utilisation": course.utilisation,
                    "asked_per_second": course.asked,
                    "given_per_second": course.given,
                    "wait_p99": course.wait(99),
                    "all_served_after": course.last_first,
                }
                for course in simulated
            ]
            for question, simulated in courses.items()
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
