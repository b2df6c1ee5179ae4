"""Several instances on one database, started together and ended together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tests.support.instance import SERVE, Instance
from tests.support.lifetime import Lifetime
from tests.support.load import Address
from tests.support.waiting import wait_until


class Fleet(Lifetime):
    """`count` instances with the same settings, each with a state folder of its own unless
    `settings` name one.
    """

    def __init__(
        self, url: str, count: int, *, command: Sequence[str] = SERVE, **settings: str
    ) -> None:
        self._settings = {"DATABASE_URL": url, **settings}
        self._command = command
        self._ending = ExitStack()
        self.instances = [self._new() for _ in range(count)]

    def _new(self) -> Instance:
        instance = Instance(self._settings, command=self._command)
        self._ending.callback(instance.close)
        return instance

    @property
    def addresses(self) -> list[Address]:
        return [instance.address for instance in self.instances]

    def add(self) -> Instance:
        """Start one more, and return when it is ready."""
        instance = self._new().start()
        wait_until_ready(instance)
        self.instances.append(instance)
        return instance

    def log(self) -> str:
        """What all of them have written."""
        return "\n".join(instance.log() for instance in self.instances)

    def __getitem__(self, index: int) -> Instance:
        return self.instances[index]

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.instances)

    def begin(self) -> None:
        with ThreadPoolExecutor(len(self.instances)) as pool:
            list(pool.map(Instance.start, self.instances))
        for instance in self.instances:
            wait_until_ready(instance)

    def close(self) -> None:
        self._ending.close()


def readiness(instance: Instance) -> tuple[int, Any]:
    """The status of /readyz and what it says."""
    response = instance.get("/readyz")
    return response.status, response.json()


def wait_until_ready(instance: Instance, *, seconds: float = 20.0) -> None:
    wait_until(lambda: readiness(instance)[0] == 200, seconds=seconds, what="an instance ready")


def wait_for_reserve(instance: Instance, at_least: float, *, seconds: float = 20.0) -> None:
    """Wait until the instance could go on for so many seconds without the database."""

    def holds() -> bool:
        status, body = readiness(instance)
        return status == 200 and (body["reserve_seconds"] or 0.0) >= at_least

    wait_until(holds, seconds=seconds, what=f"a reserve of {at_least:g} s", pause=0.05)


def wait_until_database_is(state: str, instance: Instance, *, seconds: float = 20.0) -> None:
    """Wait until the instance calls its database `up`, `away` or `unknown`."""
    wait_until(
        lambda: readiness(instance)[1]["database"] == state,
        seconds=seconds,
        what=f"the database {state}",
        pause=0.05,
    )
