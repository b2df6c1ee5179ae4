"""An open series: leases what is wanted, is left alone in trouble, and says what it holds.

Nothing here has a thread: each round of leasing is a call, and the clock moves by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import Clock, Jitter
from tracking_service.allocation import Allocator, Block, HighWaterMarks
from tracking_service.errors import (
    CounterWentBackwardsError,
    HighWaterMarkError,
    ImpossibleMarkError,
    KeyChangedError,
    ReserveEmptyError,
    SeriesExhaustedError,
    StoreUnavailableError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.series import OpenSeries
from tracking_service.instance.supply import BURST_SECONDS, EXHAUSTED_SECONDS, TROUBLE_SECONDS
from tracking_service.numbering import Shipment
from tracking_service.telemetry.state import SeriesState

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stocked(make_issuing: Callable[..., Issuing], clock: Clock) -> Issuing:
    """An instance without a thread, whose default series has its first block."""
    issuing = make_issuing(clock=clock, uniform=Jitter(), threaded=False, wait_seconds=0.0)
    issuing.opened()
    return issuing


def series_of(issuing: Issuing) -> OpenSeries:
    return issuing.instance.registry.open["default"]


def spend_all(allocator: Allocator) -> None:
    allocator.take(allocator.left)


def test_it_leases_one_block_at_first_and_no_more_while_that_is_enough(stocked: Issuing) -> None:
    stocked.step(3)

    assert [1] == stocked.store.asked_blocks
    assert 100 == stocked.allocator().left
    assert [("default", 100)] == stocked.observer.leases


def test_what_it_holds_is_told(stocked: Issuing, clock: Clock) -> None:
    series = series_of(stocked)
    assert SeriesState("default", 0, 100, 0.0, 10**12 - 100, ((0, 100),)) == series.state()

    series.supply.measure()
    series.take(20)
    clock.now += 10.0
    series.supply.measure()

    state = series.state()
    assert (20, 80, 2.0, ((20, 100),)) == (state.issued, state.held, state.rate, state.unspent)
    assert 40.0 == state.reserve_seconds


def test_it_leases_for_the_rate_that_it_measured(stocked: Issuing, clock: Clock) -> None:
    series_of(stocked).supply.measure()
    stocked.allocator().take(50)
    clock.now += 50.0
    stocked.step()

    # 1 a second: 900 serials and a quarter more, of which 50 are there.
    assert 1 == pytest.approx(series_of(stocked).supply.meter.rate)
    assert [1, 11] == stocked.store.asked_blocks


def test_a_rate_that_rose_lets_the_allocator_ask_for_more_in_time(
    stocked: Issuing, clock: Clock
) -> None:
    series_of(stocked).supply.measure()
    stocked.allocator().take(30)
    assert stocked.instance.leaser.seconds_until_due() > 0

    clock.now += 30.0
    series_of(stocked).supply.measure()
    stocked.allocator().next()

    assert 0 >= stocked.instance.leaser.seconds_until_due()


def test_a_burst_makes_the_next_lease_grow(stocked: Issuing, clock: Clock) -> None:
    for _ in range(4):
        spend_all(stocked.allocator())
        clock.now += 0.1
        # One lease, not one for each series in turn until all have enough.
        series_of(stocked).supply.lease_if_low()

    assert [1, 2, 4, 8, 16] == stocked.store.asked_blocks


def test_what_lasted_longer_than_a_burst_does_not(stocked: Issuing, clock: Clock) -> None:
    for _ in range(3):
        clock.now += BURST_SECONDS
        spend_all(stocked.allocator())
        series_of(stocked).supply.lease_if_low()

    assert [1, 1, 1, 1] == stocked.store.asked_blocks


def test_small_tails_are_no_burst(stocked: Issuing, clock: Clock) -> None:
    spend_all(stocked.allocator())
    clock.now += BURST_SECONDS
    # Of another instance, which hands most of it back.
    stocked.store.lease("default", 1)
    stocked.store.tails = [Block(start, start + 3) for start in range(100, 160, 6)]

    while series_of(stocked).supply.lease_if_low():
        pass

    assert [1] * 11 == stocked.store.asked_blocks[2:]


def test_a_scarce_series_stays_at_one_block(stocked: Issuing) -> None:
    stocked.store.end = 100_000
    for _ in range(4):
        spend_all(stocked.allocator())
        series_of(stocked).supply.lease_if_low()

    assert series_of(stocked).supply.is_scarce
    # The first of these found that out.
    assert [1] * 3 == stocked.store.asked_blocks[-3:]


def test_a_lease_takes_a_small_part_of_what_is_left(stocked: Issuing, clock: Clock) -> None:
    """However much is wanted: a failover that forgets it must skip far more."""
    stocked.store.end = 100 * 1_000_000
    series = series_of(stocked)
    spend_all(stocked.allocator())
    series.supply.lease_if_low()
    clock.now += 1.0
    series.supply.meter.sample(0, clock.now)
    clock.now += 10.0
    series.supply.meter.sample(10_000_000, clock.now)
    for _ in range(20):
        series.supply.lease_if_low()

    assert 1_000_000 / 1000 >= max(stocked.store.asked_blocks) > 900


def test_a_block_is_not_used_before_its_lease_is_recorded(
    stocked: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    record = HighWaterMarks.record

    def seen(*asked: Any, **named: Any) -> Any:
        held.append(stocked.allocator().left)
        return record(*asked, **named)

    monkeypatch.setattr(HighWaterMarks, "record", seen)
    spend_all(stocked.allocator())
    stocked.step()

    assert 0 == held[0]
    assert stocked.allocator().left


def test_a_block_that_could_not_be_recorded_is_handed_back(
    stocked: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise HighWaterMarkError

    spend_all(stocked.allocator())
    monkeypatch.setattr(HighWaterMarks, "record", fails)
    stocked.step()
    given = stocked.store.committed[-1]

    assert len(given) == stocked.instance.close()
    assert {"default": (given,)} == stocked.store.handed_back


@pytest.mark.parametrize(
    "error",
    [
        KeyChangedError(),
        UnknownSeriesError("default"),
        CounterWentBackwardsError(),
        ImpossibleMarkError(),
    ],
)
def test_what_is_wrong_with_one_series_is_kept_until_it_is_mended(
    stocked: Issuing, clock: Clock, error: TrackingServiceError, caplog: pytest.LogCaptureFixture
) -> None:
    spend_all(stocked.allocator())
    stocked.store.failure = error
    asked = []
    for seconds in (0.0, TROUBLE_SECONDS - 0.1, 0.1):
        clock.now += seconds
        stocked.step()
        asked.append(stocked.store.calls.count("lease"))

    assert [2, 2, 3] == asked
    assert error is series_of(stocked).supply.error
    assert ["leasing failed for one series; it is tried again until it succeeds"] == caplog.messages
    assert not stocked.instance.health.failing
    with pytest.raises(ReserveEmptyError):
        series_of(stocked).next()

    stocked.store.failure = None
    clock.now += TROUBLE_SECONDS
    stocked.step()

    assert None is series_of(stocked).supply.error
    assert 100 == series_of(stocked).next()


def test_an_exhausted_series_is_asked_again_only_after_a_while(
    stocked: Issuing, clock: Clock
) -> None:
    stocked.store.end = 100
    spend_all(stocked.allocator())
    stocked.step()
    assert 0 == series_of(stocked).supply.remaining
    assert [SeriesExhaustedError] == [type(each) for each in stocked.observer.failures]
    asked = stocked.store.calls.count("lease")

    clock.now += EXHAUSTED_SECONDS - 0.001
    stocked.step()
    assert asked == stocked.store.calls.count("lease")
    with pytest.raises(SeriesExhaustedError):
        series_of(stocked).next()

    stocked.store.tails = [Block(220, 290)]
    clock.now += 0.001
    stocked.step()
    assert 220 == series_of(stocked).next()


def test_a_block_whose_commit_is_unknown_is_never_handed_out(stocked: Issuing) -> None:
    spend_all(stocked.allocator())
    stocked.store.lost_acknowledgement = StoreUnavailableError("the line was cut")
    stocked.step()
    stocked.store.lost_acknowledgement = None
    doubtful = stocked.store.committed[-1]
    stocked.step()

    [block] = stocked.allocator().unspent
    assert doubtful.end <= block.start


def test_a_closed_series_is_not_leased_for(stocked: Issuing) -> None:
    stocked.allocator().close()

    assert not series_of(stocked).supply.lease_if_low()
    assert [1] == stocked.store.asked_blocks


def test_closing_amid_a_lease_takes_no_second_one_and_loses_none(
    stocked: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = HighWaterMarks.record

    def close_meanwhile(*asked: Any, **named: Any) -> Any:
        stocked.allocator().close()
        return record(*asked, **named)

    spend_all(stocked.allocator())
    monkeypatch.setattr(HighWaterMarks, "record", close_meanwhile)
    stocked.step()
    [_, given] = stocked.store.committed

    assert len(given) == stocked.instance.close()
    assert {"default": (given,)} == stocked.store.handed_back


def test_a_number_that_waits_in_a_lane_is_held_and_not_issued(stocked: Issuing) -> None:
    stocked.step()
    serials = [stocked.serial() for _ in range(20)]
    series, instance = series_of(stocked), stocked.instance
    state = series.state()
    waiting = series.allocator.spent - 20

    assert list(range(20)) == serials
    assert waiting > 0
    assert (20, 80) == (state.issued, state.held)
    assert [True, False] == [
        instance.has_spent("default", serial, instance.name) for serial in (19, 20)
    ]


def test_no_request_fails_while_numbers_wait_in_another_lane(stocked: Issuing) -> None:
    stocked.step()
    serials = [stocked.serial() for _ in range(20)]
    stocked.store.failure = StoreUnavailableError("away")

    serials += [stocked.serial(shipment=Shipment("SG", "MY")) for _ in range(80)]

    assert list(range(100)) == sorted(serials)
    with pytest.raises(ReserveEmptyError):
        stocked.serial()


def test_a_batch_gets_what_waits_in_lanes_too(stocked: Issuing) -> None:
    stocked.step()
    serials = [stocked.serial() for _ in range(20)]

    batch = series_of(stocked).take(80)

    serials += [serial for block in batch for serial in range(block.start, block.end)]
    assert list(range(100)) == sorted(serials)


def test_what_waits_in_lanes_goes_back_at_the_end(stocked: Issuing) -> None:
    stocked.step()
    for _ in range(20):
        stocked.serial()

    assert 80 == stocked.instance.close(30)
    assert set(range(20, 100)) == {
        serial
        for block in stocked.store.handed_back["default"]
        for serial in range(block.start, block.end)
    }


def test_the_rate_is_of_numbers_that_were_handed_out(stocked: Issuing, clock: Clock) -> None:
    stocked.step()
    for _ in range(20):
        stocked.serial()
    clock.now += 10.0
    stocked.step()

    assert 2.0 == series_of(stocked).state().rate
