"""A refiller over a fake store, with the series that it opens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import FakeObserver, FakeStore
from tests.support.waiting import wait_until
from tracking_service.allocation import Allocator, ReservePlan, Witness, WitnessedLeases
from tracking_service.errors import UnknownSeriesError
from tracking_service.instance.leaser import Refiller
from tracking_service.instance.series import Supply
from tracking_service.instance.wait_limiter import Waiting


class Refilled:
    """A refiller, what it draws on and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.store = FakeStore()
        self.observer = FakeObserver()
        self.witness = Witness(folder)
        self.opened: list[str] = []
        self.failures: dict[str, Exception] = {}
        """What opening a series of this name raises."""
        self.refiller = Refiller(
            self._open_series,
            ping=self.store.ping,
            observer=self.observer,
            instance=lambda: "host:1:0",
        )

    def _open_series(self, name: str) -> Supply:
        self.opened.append(name)
        if name in self.failures:
            raise self.failures[name]
        if name.startswith("unknown"):
            raise UnknownSeriesError(name)
        return Supply(
            Allocator(name, on_low=self.refiller.call, wait_seconds=30, waiting=Waiting(100)),
            WitnessedLeases(
                name,
                fingerprint="0123abcd",
                store=self.store,
                witness=self.witness,
                observer=self.observer,
            ),
            block_size=self.store.block_size,
            plan=ReservePlan(900.0),
            observer=self.observer,
        )

    def stocked(self, name: str = "default") -> Allocator:
        """Start, open a series and wait for its first block."""
        self.refiller.start()
        allocator = self.refiller.open(name).result(30).allocator
        self.until(lambda: allocator.holding().left > 0, "the first block")
        return allocator

    def until(self, condition: object, what: str) -> None:
        assert callable(condition)
        wait_until(condition, seconds=30, what=what, pause=0.002)

    def end(self) -> None:
        self.store.open.set()
        assert self.refiller.stop(30)


@pytest.fixture
def refilled(tmp_path: Path) -> Iterator[Refilled]:
    refilled = Refilled(tmp_path)
    yield refilled
    refilled.end()


@pytest.fixture
def often_switched() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
