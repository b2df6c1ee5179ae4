"""What many series cost, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from benchmarks.many_series import ManySeries
from benchmarks.report import number, table

HEAD = (
    *("series", "patterns", "series open", "verify, CPU ms"),
    "wrong check character, CPU ms",
    *("first use, ms", "lease, ms", "metrics scrape, ms", "`flask series list`, s"),
    *("memory, MiB", "shutdown, s"),
)


def markdown(found: Sequence[ManySeries], conditions: Mapping[str, str]) -> str:
    """A page of its own."""
    lines = [
        "# What many series cost",
        "",
        "Made by `make scale`; docs/scale.md has the method.",
        "",
    ]
    lines += [f"- {name}: {value}" for name, value in conditions.items()]
    rows = [
        (
            f"{each.series:,}",
            f"{each.patterns:,}",
            f"{each.open:,}",
            *(number(1000 * seconds) for seconds in (each.verify, each.bad_number)),
            *(number(1000 * seconds) for seconds in (each.first_use, each.lease, each.scrape)),
            *(number(value) for value in (each.listing, each.memory, each.shutdown)),
        )
        for each in found
    ]
    return "\n".join([*lines, "", *table(HEAD, rows)]) + "\n"


def as_json(found: Sequence[ManySeries], conditions: Mapping[str, str]) -> str:
    """For programs."""
    document = {"conditions": dict(conditions), "measured": [asdict(each) for each in found]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
