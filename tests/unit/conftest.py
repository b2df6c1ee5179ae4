"""An issuer over a fake store and a fake catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeCatalogue, FakeObserver, FakeSeries, FakeStore, SharedStore
from tests.support.waiting import wait_until
from tracking_service.allocation import Witness
from tracking_service.numbering import FORMATS, Shipment
from tracking_service.services.issue import Issuer

SHIPMENT = Shipment("MY", "ID")
S10 = FakeSeries(
    "ra",
    number_space="s10:RA:MY",
    format="s10",
    options={"service": "RA", "country": "MY"},
    end_serial=10**8,
)


class Issuing:
    """An issuer and what it draws on. It makes a store for itself, and its child another one."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self._counters = folder / "counters.json"
        self.stores: list[FakeStore] = []
        self.instances: list[str] = []
        self.dropped: list[str] = []
        """The instance's name each time that connections were dropped after a fork."""
        self.catalogue = FakeCatalogue(FakeSeries("default"), FakeSeries("gifts"), S10)
        self.observer = FakeObserver()
        self.issuer = Issuer(
            self._store_for,
            self.catalogue,
            Witness(folder),
            observer=self.observer,
            after_fork=lambda: self.dropped.append(self.issuer.instance),
            **{"wait_seconds": 30.0, **options},
        )

    def _store_for(self, instance: str) -> FakeStore:
        self.instances.append(instance)
        self.stores.append(SharedStore(self._counters))
        return self.store

    @property
    def store(self) -> FakeStore:
        return self.stores[-1]

    def ready(self) -> Issuing:
        self.until(lambda: self.issuer.readiness().ready, "readiness")
        self.until(lambda: self.issuer.database == "up", "the database to be known")
        return self

    def serial(self, series: str = "default", shipment: Shipment = SHIPMENT) -> int:
        """Issue a number and read it back."""
        number = self.issuer.issue(shipment, series)
        record = self.catalogue.series[series]
        read = FORMATS[record.format].build(record.key, record.options).decode(number)
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
        issuing.issuer.close(30)
        assert issuing.issuer._refiller.stop(30)


@pytest.fixture
def issuing(make_issuing: Callable[..., Issuing]) -> Issuing:
    return make_issuing()
