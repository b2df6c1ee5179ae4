"""What the service is to reach, as ratios within one run where a machine's speed would count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import batches, inprocess, serving
from benchmarks.peers import DRF, GRANIAN, GUNICORN, HELLO, SERVICE, WAITRESS
from benchmarks.results import Figure, Figures, Target

SERVERS = (WAITRESS, GUNICORN, GRANIAN)


def targets(figures: Figures, count: int) -> list[Target]:
    """Those for which the run measured what it takes; `count` numbers were in a batch."""
    return [*_throughput(figures), *_in_process(figures, count), *_batches(figures, count)]


def _throughput(figures: Figures) -> Iterator[Target]:
    peer = figures.find(serving.FLAT_OUT, DRF, GUNICORN)
    over_peer = {GRANIAN: 10.0, WAITRESS: 2.2}
    for server in SERVERS:
        ours = figures.find(serving.FLAT_OUT, SERVICE, server)
        if ours is None:
            continue
        hello = figures.find(serving.FLAT_OUT, HELLO, server)
        if hello is not None:
            yield Target.ratio(f"{SERVICE} over {HELLO}, {server}", ours, hello, 1.15)
        if peer is not None and server in over_peer:
            yield Target.ratio(f"{SERVICE}, {server}, over {DRF}", ours, peer, over_peer[server])
        leases = figures.find(serving.LEASES, SERVICE, server)
        if leases is not None:
            yield Target.at_most(f"{serving.LEASES}, {server}", leases, 1.0)


def _in_process(figures: Figures, count: int) -> Iterator[Target]:
    alone = figures.find(inprocess.NEXT, "1 thread", inprocess.HERE)
    crowd = figures.find(inprocess.NEXT, "16 threads", inprocess.HERE)
    batch = figures.find(f"{count:,} numbers", inprocess.BATCH, inprocess.HERE)
    if alone is not None and crowd is not None:
        yield Target.at_most("next(), 1 thread", alone, 400.0)
        name = "next(), 16 threads over 1"
        yield Target.ratio(name, crowd, alone, 2.0, at_least=False)
    if batch is not None:
        yield Target.at_most(f"{count:,} numbers in process", batch, 10.0 * count / 10_000)


def _batches(figures: Figures, count: int) -> Iterator[Target]:
    of = f"{count:,} numbers"
    for server in SERVERS:
        found = [
            figures.find(quantity, of, server)
            for quantity in (batches.DURATION, batches.BESIDE, batches.ALONE)
        ]
        match found:
            case [Figure() as whole, Figure() as beside, Figure() as alone]:
                yield Target.at_most(f"{of} over HTTP, {server}", whole, 25.0 * count / 10_000)
                name = f"p99 of singles beside batches over alone, {server}"
                yield Target.ratio(name, beside, alone, 3.0, at_least=False)


def missed(found: Sequence[Target]) -> list[Target]:
    """Those that were not reached."""
    return [target for target in found if not target.met]
