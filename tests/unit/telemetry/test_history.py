"""The last hour of an instance: one sample in ten seconds, and no more than an hour of them."""

from __future__ import annotations

from itertools import pairwise

from tracking_service.telemetry.history import EVERY_SECONDS, SAMPLES, History
from tracking_service.telemetry.metrics import Metrics
from tracking_service.telemetry.state import InstanceState, SeriesState


def state(serials: int) -> InstanceState:
    """Two series that hold so many serials each, and issue one a second."""
    return InstanceState(
        "up", tuple(SeriesState(name, 0, serials, 1.0, None) for name in ("default", "air"))
    )


def test_a_sample_is_of_all_series_and_has_its_age() -> None:
    now = [100.0]
    history = History(lambda: now[0])
    history.add(state(50))
    now[0] += 4
    ((age, sample),) = history.samples()

    assert (4.0, 2.0, 100) == (age, sample.rate, sample.serials)


def test_samples_are_seldom_and_the_oldest_go() -> None:
    now = [0.0]
    history = History(lambda: now[0])
    for second in range(int(2 * SAMPLES * EVERY_SECONDS)):
        now[0] = float(second)
        history.add(state(second))
    ages = [age for age, _ in history.samples()]

    assert SAMPLES == len(ages)
    assert sorted(ages, reverse=True) == ages
    assert {EVERY_SECONDS} == {one - other for one, other in pairwise(ages)}


def test_the_child_of_a_fork_has_no_history() -> None:
    history = History()
    history.add(state(1))
    history.reset_after_fork()

    assert [] == history.samples()


def test_metrics_add_what_they_look_at() -> None:
    history = History()
    metrics = Metrics(history=history)
    metrics.watch(lambda: state(7))
    metrics.round_done()

    assert [14] == [sample.serials for _, sample in history.samples()]
