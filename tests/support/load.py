"""Clients that ask for numbers until they are stopped, and note what came of every request.

with Load([first.address, second.address], clients=8, rate=500) as load:
    load.wait_for(1000)
    ... kill something ...
    load.wait_for(1000)
verdict = load.history.verdict()
"""

from __future__ import annotations

import http.client
import math
import threading
import time
from collections.abc import Sequence

from tests.support.client import Client, number_path
from tests.support.lifetime import Lifetime
from tests.support.oracle import History
from tests.support.waiting import wait_until

Address = tuple[str, int]

# Seconds between two knocks at a server that is down.
KNOCK_SECONDS = 0.02


def name(address: Address) -> str:
    """How the history calls the server at `address`."""
    return f"{address[0]}:{address[1]}"


class Load(Lifetime):
    """Threads that share the servers evenly, each with one connection that it keeps.

    `rate` is in requests a second over all clients; None asks flat out. `timeout` is in seconds;
    what takes longer counts as perhaps served. The load ends by itself after `at_most` seconds,
    so that a test that hangs leaves no clients behind.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        *,
        clients: int = 4,
        rate: float | None = None,
        timeout: float = 5.0,
        at_most: float = 120.0,
        history: History | None = None,
        **overrides: str | None,
    ) -> None:
        self.history = history or History()
        self._path = number_path(**overrides)
        self._pause = None if rate is None else clients / rate
        self._timeout = timeout
        self._at_most = at_most
        self._end = 0.0
        self._stopped = threading.Event()
        self._latencies: list[tuple[float, float]] = []
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(addresses[index % len(addresses)], index / clients),
                name=f"load-{index}",
                daemon=True,
            )
            for index in range(clients)
        ]

    def begin(self) -> None:
        self._end = time.monotonic() + self._at_most
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let each client finish its request and look for late answers; may be called twice.

        Raises what a client raised, where that is none of the ways in which a server is away.
        """
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=2 * self._timeout + 10)
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError("a client did not finish its request")
        if self._errors:
            raise self._errors[0]

    def wait_for(
        self, numbers: int, *, seconds: float = 30.0, address: Address | None = None
    ) -> None:
        """Return when so many more numbers have come, from one server or from any."""
        target = None if address is None else name(address)
        goal = self.history.acknowledged(target=target) + numbers

        def reached() -> bool:
            # A client that died of a fault of the test would be waited for in vain.
            if self._errors:
                raise self._errors[0]
            return self.history.acknowledged(target=target) >= goal

        wait_until(reached, seconds=seconds, what=f"{numbers} more numbers")

    def latencies(self, *, after: float = -math.inf, before: float = math.inf) -> list[float]:
        """Seconds that each number took, of the requests due in [after, before) of
        time.monotonic(), sorted.

        With a `rate`, a request counts from the moment at which it was due: one that had to wait
        for a slow one before it is slow itself, as it would be for a caller.
        """
        chosen = [took for due, took in list(self._latencies) if after <= due < before]
        return sorted(chosen)

    def percentile(
        self, percent: float, *, after: float = -math.inf, before: float = math.inf
    ) -> float:
        """Such as 99 for the p99, in seconds (nearest rank). ValueError without any latency."""
        chosen = self.latencies(after=after, before=before)
        if not chosen:
            raise ValueError("no number came in that time")
        return chosen[max(0, math.ceil(len(chosen) * percent / 100) - 1)]

    def _run(self, address: Address, phase: float) -> None:
        client = Client(*address, timeout=self._timeout)
        # Clients take turns instead of asking all at once.
        due = time.monotonic() + (self._pause or 0.0) * phase
        try:
            while not self._stopped.is_set() and time.monotonic() < self._end:
                if self._pause is None:
                    due = time.monotonic()
                else:
                    if self._stopped.wait(max(0.0, due - time.monotonic())):
                        break
                self._ask(client, name(address), due)
                due += self._pause or 0.0
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
            self._errors.append(error)
        finally:
            for late in client.late_answers():
                if late.status == http.client.OK:
                    self.history.recover(late.json()["tracking_number"], target=name(address))
            client.close()

    def _ask(self, client: Client, target: str, due: float) -> None:
        self.history.attempt(target=target)
        try:
            response = client.get(self._path)
        except ConnectionRefusedError:
            self.history.refuse(target=target)
            self._stopped.wait(KNOCK_SECONDS)
            return
        except (OSError, http.client.HTTPException):
            self.history.maybe(target=target)
            return
        if response.status != http.client.OK:
            self.history.fail(response.status, target=target)
            return
        self.history.acknowledge(response.json()["tracking_number"], target=target)
        # Appending is one step to other threads; a lock here would slow what is measured.
        self._latencies.append((due, time.monotonic() - due))
