"""The rate, measured on a clock that the tests make up."""

import pytest

from tracking_service.allocation.rate import LEAST_SECONDS, SMOOTHING_SECONDS, RateMeter


def meter_at(rate: float, *, seconds: int = 120) -> tuple[RateMeter, int, float]:
    """A meter that has seen `rate` for `seconds`, the total and the time."""
    meter = RateMeter()
    for second in range(seconds + 1):
        meter.sample(round(rate * second), 1000.0 + second)
    return meter, round(rate * seconds), 1000.0 + seconds


def test_nothing_is_known_before_the_second_sample() -> None:
    meter = RateMeter()
    assert 0 == meter.rate

    meter.sample(10_000, 5.0)

    assert 0 == meter.rate


def test_a_steady_rate_is_found() -> None:
    meter, _, _ = meter_at(500)

    assert 500 == pytest.approx(meter.rate)


def test_a_rise_counts_at_once() -> None:
    meter, total, now = meter_at(10)

    meter.sample(total + 5_000, now + 1)

    assert 5_000 == pytest.approx(meter.rate)


def test_a_fall_counts_slowly() -> None:
    meter, total, now = meter_at(600, seconds=3600)

    meter.sample(total, now + 1)
    assert 600 * (1 - 1 / SMOOTHING_SECONDS) == pytest.approx(meter.rate)

    for second in range(2, 600):
        meter.sample(total, now + second)

    assert 1 > meter.rate


def test_nobody_asking_is_a_rate_of_0_in_the_end() -> None:
    # A rate that only shrinks becomes one with which a reserve lasts for infinitely many seconds.
    meter, total, now = meter_at(600)

    for second in range(1, 600):
        meter.sample(total, now + second)

    assert 0 == meter.rate


def test_a_pause_longer_than_the_memory_leaves_nothing() -> None:
    meter, total, now = meter_at(600)

    meter.sample(total, now + SMOOTHING_SECONDS)

    assert 0 == meter.rate


@pytest.mark.parametrize("elapsed", [0.0, -1.0, -1e6, LEAST_SECONDS / 2])
def test_a_clock_that_stands_still_or_goes_back_changes_nothing(elapsed: float) -> None:
    meter, total, now = meter_at(500)

    meter.sample(total + 10_000, now + elapsed)

    assert 500 == pytest.approx(meter.rate)


def test_what_such_a_sample_saw_counts_with_the_next() -> None:
    meter, total, now = meter_at(500)
    meter.sample(total + 1, now + LEAST_SECONDS / 2)

    meter.sample(total + 4_000, now + 1)

    assert 4_000 == pytest.approx(meter.rate)
