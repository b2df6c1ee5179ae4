"""What docs/uniqueness.md says is not protected: which repeats are excused, and why.

Two leases are either in one history, and then nothing excuses a serial that both have; or their
histories part at a server, and what they part by decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from tests.simulation.servers import Server

if TYPE_CHECKING:
    from tests.simulation.oracle import Held

CERTAIN = 1_000_000
"""Serials in the random part of a skip from which on two skips never meet in a simulation."""


def partings(one: Held, other: Held) -> tuple[list[Server], list[Server]]:
    """The servers of either history that the other has not; none if the leases are in one.

    Each list begins with the server by which the histories part.
    """
    if other.server.knows(one.server, one.commit) or one.server.knows(other.server, other.commit):
        return [], []
    a, b = one.server, other.server
    below_a: list[Server] = []
    below_b: list[Server] = []
    while a is not b:
        if a.depth >= b.depth:
            assert a.parent is not None
            below_a.insert(0, a)
            a = a.parent
        else:
            assert b.parent is not None
            below_b.insert(0, b)
            b = b.parent
    return below_a, below_b


def find_unnoticed(held: Held, accepted: Iterable[Held], known: AbstractSet[int]) -> None:
    """Note where a lease is accepted by one that cannot know of the leases it repeats.

    `known` are the leases that its folder or its instance was told of.
    """
    # By the server at which the histories part: what shows one of them shows nothing of another.
    rivals: dict[Server, set[int]] = {}
    for rival in accepted:
        if rival.block.end > held.block.start and not held.server.knows(rival.server, rival.commit):
            for path in partings(rival, held):
                if path and not _is_protected(path, held.series):
                    rivals.setdefault(path[0], set()).add(rival.id)
    for server, leases in rivals.items():
        if leases.isdisjoint(known):
            server.tainted.add(held.series)


def _is_protected(path: Sequence[Server], series: str) -> bool:
    """Whether the first of these tells that it is another history, or the runbook was obeyed: by a
    commit that those after it know.
    """
    first, *rest = path
    known = rest[0].parent_commit if rest else first.commits
    return first.guarded or first.skipped_by_runbook.get(series, known + 1) <= known


def excuse(one: Held, other: Held) -> str | None:
    """Why a serial that two leases have may repeat; None if it may not."""
    paths = partings(one, other)
    firsts = [path[0] for path in paths if path]
    series = one.series
    if any(not server.guarded and series in server.tainted for server in firsts):
        return "restored as it was, and leased from by one that had leased nothing since"
    if len(firsts) == 1 and series in firsts[0].overrun:
        return "more was forgotten than a skip leaves out"
    if any(server.unfenced for server in firsts):
        return "two primaries at once"
    if len(firsts) == 2 and _skip_by_chance(*paths) and _least_margin(firsts, series) < CERTAIN:
        return "two skips of a small series came together by chance"
    return None


def _least_margin(servers: Iterable[Server], series: str) -> int:
    return min(server.margins.get(series, 0) for server in servers)


def _skip_by_chance(one: list[Server], other: list[Server]) -> bool:
    """Whether two histories lie apart by chance alone: neither comes after the other in one.

    What a server's timeline tells is that it comes after all with a lower one.
    """
    if not all(server.guarded for server in (*one, *other)):
        return True
    a, b = ([server.timeline for server in path] for path in (one, other))
    return not (max(a) < min(b) or max(b) < min(a))
