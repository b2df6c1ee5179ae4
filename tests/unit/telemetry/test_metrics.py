"""The metrics: what is told, under which names, and what the child of a fork knows."""

import math

import pytest

from tests.support.exposition import names, read, read_openmetrics, value
from tracking_service import errors
from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.exposition import REQUESTS
from tracking_service.telemetry.metrics import Metrics
from tracking_service.telemetry.state import InstanceState, SeriesState

# Base units by https://prometheus.io/docs/practices/naming/, and the things that are counted.
UNITS = {"seconds", "requests", "leases", "numbers", "serials", "skips", "processes"}
# What is true or false, or stands for its labels, has no unit.
WITHOUT_UNIT = {
    "tracking_database_up",
    "tracking_build_info",
    "tracking_series_has_successor",
}


def test_what_was_seen_is_told(busy: Metrics) -> None:
    told = read(busy.render()[0])
    one = {"route": "/api/next-tracking-number", "status": "200"}
    seconds = "tracking_http_request_duration_seconds"

    assert 2 == value(told, "tracking_http_requests_total", **one)
    assert 1 == value(told, "tracking_http_requests_total", route="/readyz", status="503")
    assert 2 == value(told, f"{seconds}_count", **one)
    assert math.isclose(0.00303, value(told, f"{seconds}_sum", **one))
    assert 1 == value(told, "tracking_leases_total", outcome="leased")
    assert 1 == value(told, "tracking_leases_total", outcome="database_unavailable")
    assert 5.0 == value(told, "tracking_lease_duration_seconds_sum", outcome="database_unavailable")
    assert 30_000 == value(told, "tracking_leased_serials_total", series="default")
    assert 97 == value(told, "tracking_handed_back_serials_total", series="default")
    assert 1 == value(told, "tracking_series_skips_total", reason="went_backwards")
    assert 1 == value(told, "tracking_series_skips_total", reason="new_timeline")


def test_what_is_held_is_told(busy: Metrics) -> None:
    told = read(busy.render()[0])

    assert 70 == value(told, "tracking_issued_numbers_total", series="default")
    assert 29_930 == value(told, "tracking_reserve_serials", series="default")
    assert 2_993.0 == value(told, "tracking_reserve_seconds", series="default")
    assert 5_000_000 == value(told, "tracking_series_remaining_serials", series="default")
    assert 1 == value(told, "tracking_database_up")
    assert 1 == value(told, "tracking_processes")
    assert 1 == value(told, "tracking_build_info")


@pytest.mark.parametrize("seconds, bucket", [(0.00005, "5e-05"), (0.003, "0.005"), (11, "+Inf")])
def test_an_observation_counts_in_its_bucket_and_all_above(seconds: float, bucket: str) -> None:
    counters = Counters()
    counters.observe((REQUESTS, "/", "200"), seconds)
    samples = read(Metrics(counters).render()[0])["tracking_http_request_duration_seconds"].samples
    counts = {
        float(sample.labels["le"]): sample.value for sample in samples if "le" in sample.labels
    }

    assert {bound: float(bound >= float(bucket)) for bound in counts} == counts
    assert sorted(counts) == list(counts)


@pytest.mark.parametrize(
    "error, outcome",
    [
        (errors.SeriesExhaustedError(), "exhausted"),
        (errors.StoreUnavailableError(), "database_unavailable"),
        (errors.CounterWentBackwardsError(), "went_backwards"),
        (errors.SchemaError(), "store_error"),
        (errors.HighWaterMarkError(), "high_water_mark_error"),
        (RuntimeError(), "error"),
    ],
)
def test_a_lease_that_failed_has_the_outcome_of_its_error(error: Exception, outcome: str) -> None:
    metrics = Metrics()
    metrics.lease_failed(error, 1.0)

    assert 1 == value(read(metrics.render()[0]), "tracking_leases_total", outcome=outcome)


def test_what_is_not_known_is_not_told() -> None:
    metrics = Metrics()
    metrics.watch(lambda: InstanceState("unknown", (SeriesState("default", 0, 0, 0.0, None),)))
    told = read(metrics.render()[0])

    assert [] == told["tracking_database_up"].samples
    assert [] == told["tracking_series_remaining_serials"].samples


def test_a_reserve_of_which_nothing_is_asked_lasts_for_ever() -> None:
    metrics = Metrics()
    metrics.watch(lambda: InstanceState("away", (SeriesState("default", 1, 99, 0.0, 5),)))
    told = read(metrics.render()[0])

    assert math.inf == value(told, "tracking_reserve_seconds")
    assert 0 == value(told, "tracking_database_up")


def test_a_reserve_of_nothing_lasts_for_no_time_though_nobody_asks_any_more() -> None:
    metrics = Metrics()
    metrics.watch(lambda: InstanceState("away", (SeriesState("default", 99, 0, 0.0, 5),)))

    assert 0 == value(read(metrics.render()[0]), "tracking_reserve_seconds")


def test_a_series_that_has_a_successor_is_told() -> None:
    metrics = Metrics()
    states = (
        SeriesState("air", 1, 99, 0.0, 5, successor="air-2"),
        SeriesState("air-2", 1, 99, 0.0, 5),
    )
    metrics.watch(lambda: InstanceState("up", states))
    told = read(metrics.render()[0])

    assert 1 == value(told, "tracking_series_has_successor", series="air")
    assert 0 == value(told, "tracking_series_has_successor", series="air-2")


def test_of_a_closed_series_only_what_was_issued_is_told() -> None:
    """Nothing is held of it and nothing is left, and no alert is to go off for that."""
    metrics = Metrics()
    state = SeriesState("air", 7, 93, 1.0, 5)
    metrics.watch(lambda: InstanceState("up", (state,)))
    metrics.round_done()
    closed = SeriesState("air", 7, 0, 0.0, 0, is_closed=True)
    metrics.watch(lambda: InstanceState("up", (closed,)))
    told = read(metrics.render()[0])

    assert 7 == value(told, "tracking_issued_numbers_total", series="air")
    for name in ("reserve_serials", "reserve_seconds", "series_remaining_serials"):
        assert [] == told[f"tracking_{name}"].samples
    assert [] == told["tracking_series_has_successor"].samples


def test_every_family_has_a_help_and_a_type(busy: Metrics) -> None:
    for family in read(busy.render()[0]).values():
        assert family.documentation.endswith("."), family.name
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        assert family.samples, family.name


def test_every_family_is_named_by_the_conventions(busy: Metrics) -> None:
    body, content_type = busy.render("application/openmetrics-text; version=1.0.0")
    told = read_openmetrics(body)

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    for family in told.values():
        assert family.name.startswith("tracking_")
        if family.name in WITHOUT_UNIT:
            assert not family.unit
        else:
            assert family.unit in UNITS, family.name
            assert family.name.endswith(f"_{family.unit}")
        for sample in family.samples:
            assert family.type != "counter" or sample.name == f"{family.name}_total"


def test_both_formats_tell_the_same_families(busy: Metrics) -> None:
    body, _ = busy.render("application/openmetrics-text; version=1.0.0")

    assert set(read_openmetrics(body)) == set(read(busy.render()[0]))


def test_every_name_is_there_before_anything_was_seen(busy: Metrics) -> None:
    assert names(read(busy.render()[0])) == names(read(Metrics().render()[0]))


@pytest.mark.parametrize("accept", [None, "", "*/*", "text/html"])
def test_plain_text_is_told_to_whoever_asks_for_nothing_else(accept: str | None) -> None:
    assert Metrics().render(accept)[1].startswith("text/plain; version=0.0.4")


def test_the_child_of_a_fork_begins_at_nothing(busy: Metrics, counters: Counters) -> None:
    counters.join_workers(multiprocess=False)
    busy.watch(lambda: InstanceState("unknown", ()))
    counters.reset_after_fork()
    told = read(busy.render()[0])

    assert not counters.has_joined
    assert {"tracking_build_info", "tracking_processes"} == {
        family.name for family in told.values() if family.samples
    }
