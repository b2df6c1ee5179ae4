"""The fleet, from its blocks: rates, what remains, and who holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tracking_service.records import FleetRecord, LeasedBlock, SeriesCount
from tracking_service.services.fleet import INSTANCES, LOOKED_UP, FleetWatch

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
COUNT = SeriesCount("default", 1000, 36_000, 0, None, False)


def block(
    minutes_ago: float, instance: str = "a", *, state: str = "leased", series: str = "default"
) -> LeasedBlock:
    """A block of 1,000 serials."""
    moment = NOW - timedelta(minutes=minutes_ago)
    return LeasedBlock(int(1e6 - minutes_ago * 100), series, 0, 1000, state, instance, moment, None)


def record(*blocks: LeasedBlock, series: Sequence[SeriesCount] = (COUNT,)) -> FleetRecord:
    newest_first = sorted(blocks, key=lambda each: each.id, reverse=True)
    return FleetRecord(NOW, tuple(newest_first), tuple(series), False)


class Source:
    """Gives what is set, and the first leases of all who are asked for."""

    def __init__(self, given: FleetRecord) -> None:
        self.given = given
        self.asked: list[str] = []

    def read(self) -> FleetRecord:
        return self.given

    def first_leases(self, names: Sequence[str]) -> Mapping[str, datetime]:
        self.asked += names
        return dict.fromkeys(names, NOW - timedelta(days=9))


def watch(source: Source) -> FleetWatch:
    return FleetWatch(source.read, source.first_leases, own=lambda: ("a", {"default": 600}))


def test_a_series_lasts_as_long_as_its_rate_lets_it() -> None:
    (series,) = watch(Source(record(block(10), block(5)))).read().series

    # What this instance has spent since its first lease, nine days ago, and no lease.
    rate = 600 / (9 * 86_400)
    assert pytest.approx(rate) == series.rate
    assert pytest.approx(36_000 / rate) == series.lasts_seconds


def test_a_series_that_nobody_leases_from_lasts_for_an_unknown_time() -> None:
    (series,) = watch(Source(record())).read().series

    assert (None, None) == (series.rate, series.lasts_seconds)


def test_an_instance_is_told_by_its_blocks() -> None:
    blocks = [block(10), block(5), block(7, "b", state="spent"), block(7, "b", state="returned")]
    one, other = watch(Source(record(*blocks))).read().instances

    assert ("a", 2000, False) == (one.name, one.held_at_most, one.has_ended)
    assert NOW - timedelta(minutes=5) == one.leased_at
    assert NOW - timedelta(days=9) == one.since
    assert ("b", 0, True) == (other.name, other.held_at_most, other.has_ended)
    assert {"leased": 0, "spent": 1, "returned": 1, "skipped": 0} == other.blocks


def test_the_first_leases_are_looked_up_once_and_a_few_at_a_time() -> None:
    source = Source(record(*(block(number / 10, f"i{number}") for number in range(150))))
    watching = watch(source)
    first = watching.read()

    assert (INSTANCES, True) == (len(first.instances), first.has_more_instances)
    assert LOOKED_UP == len(source.asked)
    assert NOW - timedelta(minutes=9.9) == first.instances[-1].since
    for _ in range(10):
        last = watching.read()

    assert INSTANCES == len(source.asked) == len(set(source.asked))
    assert NOW - timedelta(days=9) == last.instances[-1].since


def test_before_there_is_a_lease_there_is_no_instance() -> None:
    fleet = watch(Source(record())).read()

    assert ((), None) == (fleet.instances, fleet.since)
