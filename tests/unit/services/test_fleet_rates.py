"""The told rate of a fleet beside the true one: instances that lease as the real ones do, simulated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tracking_service.allocation.rate import RateMeter
from tracking_service.allocation.reserve import ReservePlan
from tracking_service.records import FleetRecord, LeasedBlock, SeriesCount
from tracking_service.services.fleet_rates import WINDOW, OwnSpending, measure_rates

BEGUN = datetime(2026, 11, 24, tzinfo=UTC)
SIZE = 10_000
PLAN = ReservePlan(900.0)
HOUR = int(WINDOW.total_seconds())
BLOCKS = 1000

Asked = Callable[[int], int]
"""How many serials are asked of each instance in a second."""


class FleetOfOne:
    """An instance that spends what is asked, and leases by the service's own plan, second by second."""

    def __init__(self, name: str, asked: Asked) -> None:
        self.name = name
        self.asked = asked
        self.leases: list[tuple[int, int]] = []
        self.spent = [0]
        self._held = 0
        self._meter = RateMeter()
        self._last = (0, -1)
        self.lease(0, 1)

    def lease(self, second: int, blocks: int) -> None:
        self.leases.append((second, blocks * SIZE))
        self._held += blocks * SIZE
        self._last = (blocks, second)

    def step(self, second: int) -> None:
        wanted = self.asked(second)
        while self._held < wanted:
            self.lease(second, 1 + (wanted - self._held) // SIZE)
        self._held -= wanted
        self.spent.append(self.spent[-1] + wanted)
        self._meter.sample(self.spent[-1], float(second))
        last = self._last[0] if self._last[1] == second else 0
        rate = self._meter.rate
        if blocks := PLAN.blocks_wanted(rate, SIZE, held=self._held, last=last, scarce=False):
            self.lease(second, blocks)


def told_and_true(asked: Asked, *, instances: int, until: int) -> tuple[float | None, float]:
    """The rate that is told after so many seconds, and the one over the window that it tells of."""
    fleet = [FleetOfOne(f"i{number}", asked) for number in range(instances)]
    for second in range(1, until + 1):
        for one in fleet:
            one.step(second)
    leases = sorted((at, size, one.name) for one in fleet for at, size in one.leases)
    blocks = [
        LeasedBlock(number, "default", 0, size, "leased", name, BEGUN + timedelta(seconds=at), None)
        for number, (at, size, name) in enumerate(leases)
    ]
    count = SeriesCount("default", SIZE, 10**13, 0, None, False)
    record = FleetRecord(
        BEGUN + timedelta(seconds=until), tuple(blocks[::-1][:BLOCKS]), (count,), False
    )
    late = sum(one.spent[-1] - one.spent[max(0, until - HOUR)] for one in fleet)
    whole = sum(one.spent[-1] for one in fleet)
    # Where the last hour proves nothing, all leases are told of.
    true = max(late / min(until, HOUR), whole / until)
    return rates(record).get("default"), true


def rates(record: FleetRecord, own: OwnSpending | None = None) -> dict[str, float]:
    return measure_rates(record, reserve_seconds=PLAN.reserve_seconds, own=own or OwnSpending())


def steady(rate: int) -> Asked:
    return lambda _second: rate


def one_batch(second: int) -> int:
    return 10_000 if second == 30 else 0


def batches_then_a_trickle(second: int) -> int:
    return 10_000 if 30 <= second < 34 else 15


def rising(second: int) -> int:
    return min(100, second // 30)


def falling(second: int) -> int:
    return 100 if second < 2 * HOUR else 2


@pytest.mark.parametrize("until", [31, 60, 120, 400, 1000, HOUR, 3 * HOUR])
@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize(
    "asked",
    [steady(1), steady(20), steady(1000), one_batch, batches_then_a_trickle, rising, falling],
    ids=["1/s", "20/s", "1000/s", "one batch", "batches and a trickle", "rising", "falling"],
)
def test_the_told_rate_is_never_far_above_the_true_one(
    asked: Asked, instances: int, until: int
) -> None:
    told, true = told_and_true(asked, instances=instances, until=until)

    assert (told or 0.0) <= 1.5 * true


@pytest.mark.parametrize("rate", [1, 20, 100, 1000])
def test_in_a_steady_state_the_told_rate_is_near_the_true_one(rate: int) -> None:
    told, _ = told_and_true(steady(rate), instances=2, until=6 * HOUR)

    assert pytest.approx(2 * rate, rel=0.25) == told


def test_after_a_batch_in_a_young_fleet_no_rate_is_told() -> None:
    """The batch makes the instance fill a reserve of millions, of which nothing is spent."""
    assert [None, None] == [
        told_and_true(one_batch, instances=1, until=until)[0] for until in (31, 390)
    ]


def block(
    minutes_ago: float, state: str, instance: str = "a", series: str = "default", size: int = 1000
) -> LeasedBlock:
    moment = NOW - timedelta(minutes=minutes_ago)
    released = None if state == "leased" else NOW
    return LeasedBlock(
        int(1e6 - minutes_ago * 100), series, 0, size, state, instance, moment, released
    )


NOW = BEGUN + timedelta(days=1)


def record(*blocks: LeasedBlock, remaining: int = 10**9) -> FleetRecord:
    return FleetRecord(
        NOW, blocks, (SeriesCount("default", 1000, remaining, 0, None, False),), False
    )


def test_an_instance_that_has_ended_has_said_what_it_spent() -> None:
    ended = record(block(10, "spent"), block(10, "returned"), block(10, "skipped"))

    assert {"default": pytest.approx(1000 / 600)} == rates(ended)


def test_in_a_scarce_series_at_most_half_a_block_is_held_at_a_lease() -> None:
    blocks = [block(10, "leased"), block(5, "leased")]

    assert {"default": pytest.approx(500 / 600)} == rates(record(*blocks, remaining=9000))
    assert {} == rates(record(*blocks))


def test_series_have_rates_of_their_own() -> None:
    blocks = [
        *(block(minutes, "leased", series="air") for minutes in range(1, 9)),
        *(block(minutes, "leased") for minutes in range(1, 20)),
    ]

    assert {"air", "default"} == set(rates(record(*blocks)))


def test_without_leases_there_is_no_rate() -> None:
    assert {} == rates(record())


def test_what_this_instance_has_spent_is_counted_and_no_lease_of_it() -> None:
    """A batch in its first minute, and then 15 a second: beside a lease of millions."""
    blocks = [block(30, "leased"), block(29, "leased", size=10_700_000)]
    own = OwnSpending()
    for minute in range(30, -1, -1):
        spent = 10_000 + 900 * (29 - minute) if minute < 30 else 0
        own.sample(NOW - timedelta(minutes=minute), "a", {"default": spent})

    assert {"default": pytest.approx((10_000 + 900 * 29) / 1800)} == rates(record(*blocks), own)


def test_of_this_instance_the_last_hour_is_told() -> None:
    own = OwnSpending()
    for second in range(0, 5 * HOUR, 3):
        spent = 10 * min(second, 2 * HOUR) + 2 * max(0, second - 2 * HOUR)
        own.sample(NOW - timedelta(seconds=5 * HOUR - second), "a", {"default": spent})

    told = rates(record(block(300, "leased"), block(299, "leased")), own)

    assert {"default": pytest.approx(2, rel=0.05)} == told


def test_the_child_of_a_fork_has_spent_nothing_of_its_parents() -> None:
    own = OwnSpending()
    own.sample(NOW - timedelta(minutes=5), "parent", {"default": 5_000})
    own.sample(NOW, "a", {"default": 300})

    told = rates(record(block(10, "leased")), own)

    assert {"default": pytest.approx(300 / 600)} == told
