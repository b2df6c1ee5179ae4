"""The series to choose from: read seldom, for the caller alone, and old rather than none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tracking_service.errors import StoreUnavailableError
from tracking_service.numbering.builtin import ROUTED
from tracking_service.records import SeriesRecord
from tracking_service.services.series_list import (
    CALLERS,
    FRESH_SECONDS,
    LISTED,
    ListedSeries,
    SeriesList,
)

MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def record(name: str) -> SeriesRecord:
    return SeriesRecord(name, "space", ROUTED, b"key", 10, 0, 0, 100, MOMENT)


class Source:
    """A database with some series, which can be away."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False
        self.records = [record("air"), record("default"), record("sea")]

    def offered(self, only: frozenset[str] | None, limit: int) -> list[SeriesRecord]:
        self.reads += 1
        if self.failing:
            raise StoreUnavailableError
        return [each for each in self.records if only is None or each.name in only][:limit]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def now() -> list[float]:
    """The clock, as its one element."""
    return [100.0]


@pytest.fixture
def listing(source: Source, now: list[float]) -> SeriesList:
    return SeriesList(
        source.offered, lambda: [ListedSeries("default", ROUTED, None)], clock=lambda: now[0]
    )


def names(found: tuple[list[ListedSeries], bool]) -> list[str]:
    return [each.name for each in found[0]]


def test_many_who_ask_cost_one_read(listing: SeriesList, source: Source, now: list[float]) -> None:
    for _ in range(10):
        assert ["air", "default", "sea"] == names(listing.read("up"))
    assert 1 == source.reads
    now[0] += FRESH_SECONDS
    listing.read("up")

    assert 2 == source.reads


def test_a_key_sees_its_own_series_alone(listing: SeriesList) -> None:
    assert ["sea"] == names(listing.read("up", frozenset({"sea", "gone"})))


def test_no_more_callers_are_remembered_than_a_few(listing: SeriesList, source: Source) -> None:
    for at in range(2 * CALLERS):
        listing.read("up", frozenset({f"s{at}"}))
    reads = source.reads
    listing.read("up", frozenset({f"s{2 * CALLERS - 1}"}))

    assert reads == source.reads
    listing.read("up", frozenset({"s0"}))
    assert reads + 1 == source.reads


def test_while_the_database_is_away_the_list_is_old_and_not_asked_for(
    listing: SeriesList, source: Source, now: list[float]
) -> None:
    before = listing.read("up")
    now[0] += FRESH_SECONDS

    assert before == listing.read("away")
    assert 1 == source.reads


def test_before_the_first_read_the_open_series_are_listed(
    listing: SeriesList, source: Source
) -> None:
    source.failing = True

    assert ["default"] == names(listing.read("unknown"))
    assert ["default"] == names(listing.read("away"))


def test_a_list_has_an_end(listing: SeriesList, source: Source) -> None:
    source.records = [record(f"s{at:05}") for at in range(LISTED + 1)]
    listed, complete = listing.read("up")

    assert (LISTED, False) == (len(listed), complete)


def test_an_example_has_the_shape_of_its_series() -> None:
    assert 16 == len(ListedSeries("default", ROUTED, None).example())
