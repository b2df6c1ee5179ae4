"""The plots of `make bench`: legible in grey, with the spread of the rounds on every bar."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks import serving
from benchmarks.peers import (
    BARE,
    DRF,
    FASTAPI,
    FASTAPI_HELLO,
    GRANIAN,
    GUNICORN,
    HELLO,
    SERVICE,
    UVICORN,
    WAITRESS,
)
from benchmarks.results import Figure, Figures

# Told apart by lightness and by hatch, so that neither colour nor print is needed.
STYLES = {
    BARE: ("#e8e8e8", ""),
    HELLO: ("#bdbdbd", "//"),
    FASTAPI_HELLO: ("#bdbdbd", "xx"),
    FASTAPI: ("#8c8c8c", "\\\\"),
    DRF: ("#8c8c8c", ".."),
    SERVICE: ("#2b2b2b", ""),
}
SERVERS = (WAITRESS, GUNICORN, GRANIAN, UVICORN)


def plot(figures: Figures, path: Path, caption: str) -> bool:
    """Draw what was measured over HTTP; return whether there was anything to draw."""
    throughput = [f for f in figures if f.quantity == serving.FLAT_OUT]
    latency = [f for f in figures if f.part == "latency"]
    panels = [drawn for drawn in (throughput, latency) if drawn]
    if not panels:
        return False
    figure, axes = plt.subplots(1, len(panels), figsize=(8.0 * len(panels), 5.5), squeeze=False)
    for axis, drawn in zip(axes[0], panels, strict=True):
        if drawn is throughput:
            _bars(axis, drawn)
            axis.set_ylabel("answers a second")
            axis.set_title(f"Flat out, {drawn[0].conditions['connections']} kept connections")
        else:
            _percentiles(axis, drawn)
            axis.set_ylabel("milliseconds from due to answered (log scale)")
            axis.set_title(f"Latency at {drawn[0].conditions['rate']}")
            axis.set_yscale("log")
        axis.grid(axis="y", color="#dddddd")
        axis.set_axisbelow(True)
        axis.legend(fontsize=8, frameon=False)
    figure.text(0.01, 0.01, caption, fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return True


def _bars(axis: Axes, figures: list[Figure]) -> None:
    """A group for each server, a bar for each peer, with a line from lowest to highest."""
    peers = [name for name in STYLES if any(f.of == name for f in figures)]
    servers = [name for name in SERVERS if any(f.on == name for f in figures)]
    width = 0.8 / len(peers)
    # A server has no gap where a peer does not run on it.
    on = {
        name: [p for p in peers if any((f.of, f.on) == (p, name) for f in figures)]
        for name in servers
    }
    for peer in peers:
        chosen = [f for f in figures if f.of == peer]
        where = [
            servers.index(f.on) + (on[f.on].index(peer) - (len(on[f.on]) - 1) / 2) * width
            for f in chosen
        ]
        medians = [f.median for f in chosen]
        spread = [
            [f.median - f.low for f in chosen],
            [f.high - f.median for f in chosen],
        ]
        colour, hatch = STYLES[peer]
        bars = axis.bar(
            where,
            medians,
            width,
            yerr=spread,
            label=peer,
            color=colour,
            hatch=hatch,
            edgecolor="black",
            linewidth=0.6,
            error_kw={"elinewidth": 0.9, "capsize": 2},
        )
        axis.bar_label(bars, [f"{value:,.0f}" for value in medians], fontsize=7, padding=3)
    processes = {f.on: f.conditions["processes"] for f in figures if f.of != DRF}
    labels = [f"{server}\n{processes.get(server, '')}" for server in servers]
    axis.set_xticks(range(len(servers)), labels, fontsize=8)
    axis.margins(y=0.15)


def _percentiles(axis: Axes, figures: list[Figure]) -> None:
    """A line for each peer and server over the percentiles."""
    names = [name for _, name in serving.LATENCIES]
    markers = dict(zip(SERVERS, "osD^", strict=True))
    dashes = {SERVICE: "-", HELLO: "--", FASTAPI_HELLO: "--", FASTAPI: "-.", DRF: ":"}
    for of, on in dict.fromkeys((f.of, f.on) for f in figures):
        medians = [f.median for f in figures if (f.of, f.on) == (of, on)]
        colour = "#777777" if of in (HELLO, FASTAPI_HELLO) else STYLES[of][0]
        axis.plot(names, medians, dashes[of], marker=markers[on], color=colour, label=f"{of}, {on}")
