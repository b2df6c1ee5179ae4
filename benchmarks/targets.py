"""What the service is to reach, as ratios within one run where a machine's speed would count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import batches, inprocess, inwsgi, serving
from benchmarks.peers import (
    BARE,
    DRF,
    FASTAPI,
    FASTAPI_HELLO,
    GRANIAN,
    GUNICORN,
    HELLO,
    SERVICE,
    WAITRESS,
)
from benchmarks.results import Figure, Figures, Target

SERVERS = (WAITRESS, GUNICORN, GRANIAN)

OVER = {
    (WAITRESS, BARE, WAITRESS): 0.93,
    (WAITRESS, HELLO, WAITRESS): 1.15,
    (WAITRESS, DRF, GUNICORN): 2.2,
    (GUNICORN, HELLO, GUNICORN): 1.2,
    (GRANIAN, BARE, GRANIAN): 0.60,
    (GRANIAN, HELLO, GRANIAN): 2.4,
    (GRANIAN, FASTAPI_HELLO, GRANIAN): 2.2,
    (GRANIAN, FASTAPI, GRANIAN): 2.2,
    (GRANIAN, DRF, GUNICORN): 10.0,
}
"""Goals of the service's answers a second: (server, peer, the peer's server) to the least ratio."""


def targets(figures: Figures, count: int) -> list[Target]:
    """Those for which the run measured what it takes; `count` numbers were in a batch."""
    return [*_throughput(figures), *_in_process(figures, count), *_batches(figures, count)]


def _throughput(figures: Figures) -> Iterator[Target]:
    for server in SERVERS:
        ours = figures.find(serving.FLAT_OUT, SERVICE, server)
        if ours is None:
            continue
        for (where, peer, on), goal in OVER.items():
            theirs = figures.find(serving.FLAT_OUT, peer, on) if where == server else None
            if theirs is not None:
                named = peer if on == server else f"{peer} on {on}"
                yield Target.ratio(f"{SERVICE} over {named}, {server}", ours, theirs, goal)
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
    hello = figures.find(inwsgi.REQUEST, HELLO, inprocess.HERE)
    for traffic, goal in ((inwsgi.MIXED, 0.24), (inwsgi.NEW, 0.55)):
        ours = figures.find(inwsgi.REQUEST, f"{SERVICE}, {traffic}", inprocess.HERE)
        if ours is not None and hello is not None:
            name = f"{SERVICE} over {HELLO}, whole application, {traffic}"
            yield Target.ratio(name, ours, hello, goal, at_least=False)
    if batch is not None:
        yield Target.at_most(f"{count:,} numbers in process", batch, 10.0 * count / 10_000)


def _batches(figures: Figures, count: int) -> Iterator[Target]:
    of = f"{count:,} numbers"
    for server in SERVERS:
        found = [
            figures.find(quantity, of, server)
            for quantity in (batches.DURATION, batches.BESIDE, batches.STRANGERS)
        ]
        match found:
            case [Figure() as whole, Figure() as beside, Figure() as strangers]:
                yield Target.at_most(f"{of} over HTTP, {server}", whole, 25.0 * count / 10_000)
                name = f"p99 of singles beside batches over beside strangers, {server}"
                yield Target.ratio(name, beside, strangers, 1.15, at_least=False)


def missed(found: Sequence[Target]) -> list[Target]:
    """Those that were not reached."""
    return [target for target in found if not target.met]
