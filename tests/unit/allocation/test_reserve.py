"""The reserve's size: serials for so many seconds, in whole blocks."""

import pytest

from tracking_service.allocation import ReservePlan
from tracking_service.allocation.reserve import LARGEST_LEASE, SCARCE_BLOCKS, is_scarce

PLAN = ReservePlan(900.0)


def wanted(rate: float, held: int, *, last: int = 0, scarce: bool = False) -> int:
    return PLAN.blocks_wanted(rate, 10_000, held=held, last=last, scarce=scarce)


def test_the_reserve_lasts_the_seconds_at_the_rate() -> None:
    assert 450_000 == PLAN.low_water(500.0, 10_000, scarce=False)


def test_the_low_water_is_never_below_half_a_block() -> None:
    assert 5_000 == PLAN.low_water(0.0, 10_000, scarce=False)
    assert 5_000 == PLAN.low_water(5.0, 10_000, scarce=False)


@pytest.mark.parametrize("rate", [0.0, 500.0, 1e9])
def test_a_scarce_series_has_its_low_water_at_half_a_block(rate: float) -> None:
    assert 5_000 == PLAN.low_water(rate, 10_000, scarce=True)


def test_an_idle_instance_holds_one_block() -> None:
    assert 1 == wanted(0.0, 0)
    assert 0 == wanted(0.0, 10_000)
    assert 0 == wanted(0.0, 5_001)
    assert 1 == wanted(0.0, 5_000)


def test_one_lease_brings_500_a_second_up_to_900_seconds_and_a_quarter_more() -> None:
    assert 57 == wanted(500.0, 0)
    assert 12 == wanted(500.0, 450_000)
    assert 0 == wanted(500.0, 450_001)


def test_a_burst_that_outran_the_estimate_doubles_the_lease() -> None:
    assert 8 == wanted(0.0, 0, last=4)
    assert 114 == wanted(500.0, 0, last=57)


def test_a_scarce_series_takes_one_block_whatever_the_rate() -> None:
    assert 1 == wanted(1e6, 0, last=64, scarce=True)
    assert 0 == wanted(1e6, 5_001, scarce=True)


@pytest.mark.parametrize("rate, last", [(1e9, 0), (0.0, 9_000), (float(10**300), 10**9)])
def test_no_estimate_takes_more_than_the_largest_lease(rate: float, last: int) -> None:
    assert LARGEST_LEASE == wanted(rate, 0, last=last)


def test_those_who_wait_for_many_are_counted_in() -> None:
    assert 4 == wanted(0.0, -30_000)
    assert 4 == wanted(0.0, -30_000, scarce=True)


def test_a_series_is_scarce_below_so_many_blocks() -> None:
    assert is_scarce(0, 10_000)
    assert is_scarce(SCARCE_BLOCKS * 10_000 - 1, 10_000)
    assert not is_scarce(SCARCE_BLOCKS * 10_000, 10_000)
