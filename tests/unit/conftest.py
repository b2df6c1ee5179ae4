"""An instance over a fake store and a fake series store, and the issuer that uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeObserver, FakeSeries, FakeSeriesStore, FakeStore, SharedStore
from tests.support.numbers import POST
from tests.support.waiting import wait_until
from tracking_service.allocation import Allocator, HighWaterMarks
from tracking_service.instance.instance import Instance
from tracking_service.numbering import Format, Shipment
from tracking_service.services.issue import Issuer
from tracking_service.services.readiness import assess_readiness
from tracking_service.wait_limiter import WaitLimiter

SHIPMENT = Shipment("MY", "ID")
S10 = FakeSeries("ra", number_space="post", pattern=POST, end_serial=10**8)


class Issuing:
    """An issuer and what it draws on. Its instance makes a store, and its child another one."""

    def __init__(self, folder: Path, *, places: int = 2, threads: int = 64, **options: Any) -> None:
        self._counters = folder / "counters.json"
        self.stores: list[FakeStore] = []
        self.instances: list[str] = []
        self.dropped: list[str] = []
        """The instance's name each time that it was told of a fork, in the child."""
        self.series_store = FakeSeriesStore(FakeSeries("default"), FakeSeries("gifts"), S10)
        self.observer = FakeObserver()
        self.marks = HighWaterMarks(folder)
        clock = {"clock": options["clock"]} if "clock" in options else {}
        self.limiter = WaitLimiter(places=places, threads=threads, **clock)
        self.instance = Instance(
            self._store_for,
            self.series_store,
            self.marks,
            limiter=self.limiter,
            observer=self.observer,
            parts=[self],
            **{"wait_seconds": 30.0, **options},
        )
        self.issuer = Issuer(self.instance)

    def _store_for(self, instance: str) -> FakeStore:
        self.instances.append(instance)
        self.stores.append(SharedStore(self._counters))
        return self.store

    def reset_after_fork(self) -> None:
        self.dropped.append(self.instance.name)

    @property
    def store(self) -> FakeStore:
        return self.stores[-1]

    def ready(self) -> Issuing:
        self.instance.start()
        self.until(lambda: assess_readiness(self.instance).ready, "readiness")
        self.until(lambda: self.instance.health.database == "up", "the database to be known")
        return self

    def step(self, rounds: int = 1) -> None:
        """Do some rounds of leasing, of an instance without a thread."""
        for _ in range(rounds):
            self.instance.leaser.step()

    def opened(self, name: str = "default") -> Allocator:
        """The allocator of a series that one round opens and stocks, without a thread."""
        self.instance.registry.request(name)
        self.step()
        return self.allocator(name)

    def allocator(self, name: str = "default") -> Allocator:
        return self.instance.registry.open[name].allocator

    def serial(self, series: str = "default", shipment: Shipment = SHIPMENT) -> int:
        """Issue a number and read it back."""
        number, _ = self.issuer.issue(shipment, series)
        record = self.series_store.series[series]
        read = Format(record.pattern, record.key).decode(number)
        assert shipment.origin == read.origin
        return read.serial

    def until(self, condition: Callable[[], object], what: str) -> None:
        wait_until(condition, seconds=30, what=what, pause=0.002)


@pytest.fixture
def make_issuing(tmp_path: Path) -> Iterator[Callable[..., Issuing]]:
    """Makes issuers with options of their own, and ends them."""
    made: list[Issuing] = []

    def make(**options: Any) -> Issuing:
        made.append(Issuing(tmp_path, **options))
        return made[-1]

    yield make
    for issuing in made:
        issuing.store.open.set()
        issuing.instance.close(30)
        assert issuing.instance.leaser.stop(30)


@pytest.fixture
def issuing(make_issuing: Callable[..., Issuing]) -> Issuing:
    return make_issuing()


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
