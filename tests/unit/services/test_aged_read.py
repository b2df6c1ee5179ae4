"""What is read to be watched: seldom, never twice at once, and old rather than waited for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tracking_service.errors import StoreUnavailableError
from tracking_service.records import LeasedBlock
from tracking_service.services.aged_read import AgedRead

FRESH_SECONDS = 1.0
LEASES = 12


def lease(number: int) -> LeasedBlock:
    leased_at = datetime(2026, 11, 24, tzinfo=UTC)
    start = number * 10_000
    return LeasedBlock(
        number, "default", start, start + 10_000, "leased", "host:1:a", leased_at, None
    )


class Source:
    """Gives one more lease each time, or fails."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False
        self.held = threading.Event()
        self.held.set()
        self.begun = threading.Event()

    def latest(self) -> Sequence[LeasedBlock]:
        self.reads += 1
        self.begun.set()
        assert self.held.wait(10)
        if self.failing:
            raise StoreUnavailableError
        return [lease(number) for number in range(self.reads)][:LEASES]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def now() -> list[float]:
    """The clock, as its one element."""
    return [100.0]


@pytest.fixture
def latest(source: Source, now: list[float]) -> AgedRead[Sequence[LeasedBlock]]:
    return AgedRead(source.latest, (), fresh_seconds=FRESH_SECONDS, clock=lambda: now[0])


def test_many_who_ask_cost_one_read(
    latest: AgedRead[Sequence[LeasedBlock]], source: Source, now: list[float]
) -> None:
    first = latest.read("up")
    for _ in range(10):
        assert first == latest.read("up")
    now[0] += FRESH_SECONDS

    assert first != latest.read("up")
    assert 2 == source.reads


def test_a_database_that_is_away_is_not_asked(
    latest: AgedRead[Sequence[LeasedBlock]], source: Source, now: list[float]
) -> None:
    before = latest.read("up")
    now[0] += 60

    assert before == latest.read("away")
    assert 1 == source.reads


def test_a_failure_leaves_what_was_known(
    latest: AgedRead[Sequence[LeasedBlock]], source: Source, now: list[float]
) -> None:
    before = latest.read("up")
    now[0] += 60
    source.failing = True

    assert before == latest.read("up")
    assert 2 == source.reads


def test_nothing_is_known_before_the_first_read(latest: AgedRead[Sequence[LeasedBlock]]) -> None:
    assert ((), None) == latest.read("away")


def test_nobody_waits_for_another_who_reads(
    latest: AgedRead[Sequence[LeasedBlock]], source: Source, now: list[float]
) -> None:
    before = latest.read("up")
    now[0] += 60
    source.held.clear()
    source.begun.clear()
    reader = threading.Thread(target=latest.read, args=("up",))
    reader.start()
    try:
        assert source.begun.wait(10)
        assert before == latest.read("up")
    finally:
        source.held.set()
        reader.join(10)

    assert 2 == source.reads
