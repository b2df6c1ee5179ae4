"""Threads of control that one thread runs in turn: as greenlets, at the seed's word.

A fiber goes on until it comes to a step at which the world could interfere: a transaction begins,
a commit is sent, a file is renamed. There `pause` may let another one run, and there a process may
be killed, or frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random

from greenlet import getcurrent, greenlet


class KilledError(BaseException):
    """The process that this fiber belongs to is dead: nothing of what follows happens."""


class Owner:
    """What fibers belong to: a process, or the operator's command."""

    dead = False
    frozen = False


class Fiber(greenlet):  # type: ignore[misc]  # it carries no types
    """One thread of control of an owner."""

    def __init__(self, owner: Owner, run: Callable[[], object], parent: greenlet) -> None:
        super().__init__(self._live, parent)
        self.owner = owner
        self._run = run
        self.has_begun = False
        self.is_ready: Callable[[], bool] | None = None
        """What it waits for; None where it waits for nothing."""
        self.commit: tuple[object, int] | None = None
        """The server on which it has last committed, and the number of that commit."""

    def _live(self) -> None:
        self.has_begun = True
        with suppress(KilledError):
            self._run()


class Fibers:
    """All fibers of a world."""

    def __init__(self) -> None:
        self.draw = Random(0)
        self._alive: list[Fiber] = []
        self._left = 0
        self._main = getcurrent()

    def spawn(self, owner: Owner, run: Callable[[], object]) -> Fiber:
        """Begin a fiber, which runs when `run` is called."""
        fiber = Fiber(owner, run, self._main)
        self._alive.append(fiber)
        return fiber

    def run(self, pauses: int) -> None:
        """Let fibers run until they have paused so often, or none is left that can go on."""
        self._left = pauses
        draw = self.draw.random
        while self._left > 0:
            ready = [
                fiber
                for fiber in self._alive
                if not fiber.owner.frozen and (fiber.is_ready is None or fiber.is_ready())
            ]
            if not ready:
                return
            self._resume(ready[int(draw() * len(ready))])

    def kill(self, owner: Owner) -> None:
        """End all fibers of a process that is dead by now."""
        for fiber in [each for each in self._alive if each.owner is owner]:
            if fiber.has_begun and not fiber.dead:
                fiber.throw(KilledError)
            self._alive.remove(fiber)

    def is_busy(self, owner: Owner) -> bool:
        return any(fiber.owner is owner for fiber in self._alive)

    def pause(self) -> None:
        """Let others run, perhaps. Raises KilledError where the process was killed meanwhile."""
        fiber = getcurrent()
        if not isinstance(fiber, Fiber):
            return
        if fiber.owner.dead:
            raise KilledError
        self._left -= 1
        if self._left > 0 and (len(self._alive) == 1 or self.draw.random() < 0.5):
            return
        self._main.switch()
        if fiber.owner.dead:
            raise KilledError

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Let others run until something is so; the main program itself does not wait."""
        fiber = getcurrent()
        if not isinstance(fiber, Fiber):
            return
        while not is_ready():
            fiber.is_ready = is_ready
            try:
                self._main.switch()
            finally:
                fiber.is_ready = None
            if fiber.owner.dead:
                raise KilledError

    def _resume(self, fiber: Fiber) -> None:
        fiber.switch()
        if fiber.dead:
            self._alive.remove(fiber)


def current() -> Fiber | None:
    """The fiber that runs now; None in the main program."""
    fiber = getcurrent()
    return fiber if isinstance(fiber, Fiber) else None
