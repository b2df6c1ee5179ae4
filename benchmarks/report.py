"""Shows what a run found: a table for the terminal, and Markdown and JSON to keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Figure, Figures, Target

Row = tuple[str, ...]

TITLES: Mapping[str, str] = {
    "throughput": "Answers a second, flat out",
    "leases": "Leases",
    "latency": "Latency at a fixed rate",
    "batches": "Batches over HTTP, and single requests beside them",
    "process": "In one process, without HTTP",
    "start": "Start and memory",
}
HEAD = ("what", "of", "on", "median", "lowest to highest", "unit")


def number(value: float) -> str:
    """Three significant digits, or whole where it is large."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def figure_rows(figures: Iterable[Figure]) -> list[Row]:
    """One row a figure, as HEAD says."""
    return [
        (
            figure.quantity,
            figure.of,
            figure.on,
            number(figure.median),
            f"{number(figure.low)} to {number(figure.high)}",
            figure.unit,
        )
        for figure in figures
    ]


def target_rows(targets: Iterable[Target]) -> list[Row]:
    """One row a target: name, goal, what was reached with its spread, and whether that is it."""
    return [
        (
            target.name,
            f"at {'least' if target.at_least else 'most'} {number(target.goal)} {target.unit}".strip(),
            number(target.median),
            f"{number(min(target.values))} to {number(max(target.values))}",
            "yes" if target.met else "NO",
        )
        for target in targets
        if target.values
    ]


TARGET_HEAD = ("target", "goal", "median", "lowest to highest", "met")


def terminal(figures: Figures, targets: Sequence[Target]) -> str:
    """Aligned columns, a table for each part."""
    lines: list[str] = []
    for part, chosen in figures.parts().items():
        lines += ["", TITLES[part], *_aligned(HEAD, figure_rows(chosen))]
    if targets:
        lines += ["", "Targets", *_aligned(TARGET_HEAD, target_rows(targets))]
    return "\n".join(lines)


def markdown(
    figures: Figures, targets: Sequence[Target], conditions: Mapping[str, str], plot: str | None
) -> str:
    """A page: conditions, targets, the plot, and a table for each part."""
    lines = [
        "# Benchmark results",
        "",
        "Made by `make bench`; docs/benchmarks.md has the method.",
        "",
    ]
    lines += [f"- {name}: {value}" for name, value in conditions.items()]
    if targets:
        lines += ["", "## Targets", "", *table(TARGET_HEAD, target_rows(targets))]
    for part, chosen in figures.parts().items():
        lines += ["", f"## {TITLES[part]}", ""]
        if part == "throughput" and plot:
            lines += [f"![Answers a second, by server and peer]({plot})", ""]
        lines += table(HEAD, figure_rows(chosen))
        lines += ["", *_conditions(chosen)]
    return "\n".join(lines) + "\n"


def as_json(figures: Figures, targets: Sequence[Target], conditions: Mapping[str, str]) -> str:
    """All that is known, for programs."""
    document = {
        "conditions": dict(conditions),
        "targets": [
            {**asdict(target), "median": target.median, "met": target.met}
            for target in targets
            if target.values
        ],
        "figures": [{**asdict(figure), "median": figure.median} for figure in figures],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _conditions(figures: Sequence[Figure]) -> Iterator[str]:
    """Each set of conditions once, with what it holds for."""
    holds: dict[str, list[str]] = {}
    for figure in figures:
        said = "; ".join(f"{name}: {value}" for name, value in figure.conditions.items())
        holds.setdefault(said, []).append(f"{figure.of} on {figure.on}")
    for said, names in holds.items():
        yield f"- {', '.join(dict.fromkeys(names))}: {said}"


def table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _aligned(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()
