"""The plots of `make scale`, legible in grey."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.leasing import Leasing
from benchmarks.simulation import Course

STYLES = (("o", "-", "#1a1a1a"), ("s", "--", "#5a5a5a"), ("D", ":", "#8a8a8a"))


def plot_leases(found: list[Leasing], path: Path, caption: str) -> None:
    """Leases a second, and how long one takes, by leasing processes."""
    figure, (rates, waits) = plt.subplots(1, 2, figsize=(11, 4.5))
    blocks_of = sorted({leasing.blocks for leasing in found})
    for blocks, (marker, dash, colour) in zip(blocks_of, STYLES, strict=False):
        chosen = [leasing for leasing in found if leasing.blocks == blocks]
        processes = [leasing.processes for leasing in chosen]
        label = f"{blocks} block{'s' if blocks > 1 else ''} a lease"
        drawn = {"marker": marker, "linestyle": dash, "color": colour, "label": label}
        rates.plot(processes, [leasing.leases_per_second for leasing in chosen], **drawn)
        waits.plot(processes, [1000 * leasing.p99 for leasing in chosen], **drawn)
    rates.set_ylabel("leases a second")
    rates.set_ylim(bottom=0)
    rates.set_title("One hot row: leases a second")
    waits.set_ylabel("p99 of one lease, milliseconds (log scale)")
    waits.set_yscale("log")
    waits.set_title("How long a lease takes when all ask at once")
    for axis in (rates, waits):
        axis.set_xscale("log", base=2)
        axis.set_xlabel("leasing processes")
        axis.set_xticks(processes, [str(count) for count in processes])
        _finish(axis)
    _save(figure, path, caption)


def plot_simulated(
    courses: dict[str, list[Course]], lease_seconds: float, path: Path, caption: str
) -> None:
    """Numbers a second that come, and how deep reserves must be, by instances."""
    figure, (numbers, depth) = plt.subplots(1, 2, figsize=(11, 4.5))
    sizes = sorted({course.world.block_size for course in courses["one block"]})
    for size, (marker, dash, colour) in zip(sizes, STYLES, strict=False):
        chosen = [course for course in courses["one block"] if course.world.block_size == size]
        drawn = {"marker": marker, "linestyle": dash, "color": colour}
        numbers.plot(
            [course.world.instances for course in chosen],
            [course.given for course in chosen],
            label=f"one block of {size:,} at a time",
            **drawn,
        )
        numbers.axhline(size / lease_seconds, color=colour, linewidth=0.6)
    reserve = courses["reserve"]
    numbers.plot(
        [course.world.instances for course in reserve],
        [course.given for course in reserve],
        marker="x",
        linestyle="-.",
        color="#000000",
        label="15 minutes in reserve",
    )
    numbers.set_ylabel("numbers a second, all instances (log scale)")
    numbers.set_title("What one row feeds (thin lines: block size / lease time)", fontsize=10)
    cold = courses["cold"]
    counts = [course.world.instances for course in cold]
    depth.plot(
        counts,
        [course.last_first for course in cold],
        marker="o",
        color="#1a1a1a",
        label="all start at once: until the last has a block",
    )
    depth.plot(
        [course.world.instances for course in reserve],
        [course.wait(99) for course in reserve],
        marker="s",
        linestyle="--",
        color="#5a5a5a",
        label="in steady state: p99 wait for a lease",
    )
    depth.set_ylabel("seconds (log scale)")
    depth.set_title("How long reserves must last while the row is asked", fontsize=10)
    for axis in (numbers, depth):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("instances, each asked for 1,000 numbers a second")
        _finish(axis)
    _save(figure, path, caption)


def _finish(axis: Axes) -> None:
    axis.grid(color="#dddddd")
    axis.set_axisbelow(True)
    axis.legend(fontsize=8, frameon=False)


def _save(figure: Figure, path: Path, caption: str) -> None:
    figure.text(0.01, 0.01, caption, fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
