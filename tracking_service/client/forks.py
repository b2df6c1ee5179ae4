"""What a forked child must not share with its parent: connections, locks, and numbers in memory.

A child that used its parent's connections could read its parent's answers, and hand out the same
numbers. Whatever holds such things is registered here, and starts afresh in every child.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Something that holds what only one process may use."""

    def reset_after_fork(self) -> None:
        """Drop what is the parent's. Called in the child, whose only thread this is."""


_alive: WeakSet[Forkable] = WeakSet()
_kept: list[object] = []


def reset_in_children(thing: Forkable) -> None:
    """Reset `thing` in every process that is forked from this one, while it is referred to."""
    _alive.add(thing)


def keep(connections: object) -> None:
    """Keep the parent's connections as they are until this process ends.

    To close them might wait for a lock that a thread of the parent had, and to drop them warns that
    nobody closed them. The servers close their ends when these have rested for long enough.
    """
    _kept.append(connections)


def _reset_all() -> None:
    for thing in list(_alive):
        thing.reset_after_fork()


os.register_at_fork(after_in_child=_reset_all)
