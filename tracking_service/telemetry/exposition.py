"""The metrics: name, unit and help text of each, and how it is computed from rows.

Names and units follow https://prometheus.io/docs/practices/naming/ and OpenMetrics
(https://prometheus.io/docs/specs/om/open_metrics_spec/): base units, `_total` behind counters.
docs/observability.md says what to do when one changes; a test compares the two.
"""

import math
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from tracking_service import __version__
from tracking_service.telemetry.counters import BUCKETS, Totals
from tracking_service.telemetry.mmap_values import MetricKey
from tracking_service.telemetry.multiprocess import GAUGE

REQUESTS = "requests"
LEASES = "leases"
ISSUED = "issued"
LEASED = "leased"
HANDED_BACK = "handed back"
SKIPS = "skips"
SERIES = "series"
DATABASE = "database"

_TIMED = (
    (
        REQUESTS,
        ("route", "status"),
        ("tracking_http_requests", "requests", "Requests answered."),
        ("tracking_http_request_duration_seconds", "From a request to the end of its answer."),
    ),
    (
        LEASES,
        ("outcome",),
        (
            "tracking_leases",
            "leases",
            "Attempts to lease, and what became of them; an idle instance's pings that failed too.",
        ),
        ("tracking_lease_duration_seconds", "How long an attempt to lease took."),
    ),
)

_COUNTED = (
    (ISSUED, ("series",), "tracking_issued_numbers", "numbers", "Tracking numbers issued."),
    (LEASED, ("series",), "tracking_leased_serials", "serials", "Serials leased."),
    (
        HANDED_BACK,
        ("series",),
        "tracking_handed_back_serials",
        "serials",
        "Unspent serials handed back at shutdown.",
    ),
    (
        SKIPS,
        ("series", "reason"),
        "tracking_series_skips",
        "skips",
        "Times that a series was skipped ahead, because leases may have been forgotten.",
    ),
)


def metric_families(totals: Totals) -> Iterator[Metric]:
    """Every metric, with a sample for each known combination of labels."""
    by_name: dict[str, list[tuple[MetricKey, list[float]]]] = defaultdict(list)
    for key, row in sorted(totals.counters.items()):
        by_name[key[0]].append((key[1:], row))

    build = GaugeMetricFamily(
        "tracking_build_info", "What runs here; always 1.", labels=("version", "python")
    )
    build.add_metric((__version__, platform.python_version()), 1)
    yield build
    for name, labels, (counter, unit, text), (histogram, longer_text) in _TIMED:
        rows = by_name[name]
        yield _counter(counter, unit, text, labels, ((key, sum(row[:-1])) for key, row in rows))
        yield _histogram(histogram, longer_text, labels, rows)
    for name, labels, counter, unit, text in _COUNTED:
        rows = by_name[name]
        yield _counter(counter, unit, text, labels, ((key, row[0]) for key, row in rows))
    yield from _gauges(totals.gauges)


def _counter(
    name: str,
    unit: str,
    text: str,
    labels: Iterable[str],
    values: Iterable[tuple[MetricKey, float]],
) -> Metric:
    family = CounterMetricFamily(name, text, labels=tuple(labels), unit=unit)
    for key, value in values:
        family.add_metric(key, value)
    return family


def _histogram(
    name: str, text: str, labels: Iterable[str], rows: Iterable[tuple[MetricKey, list[float]]]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=tuple(labels), unit="seconds")
    bounds = [*map(str, BUCKETS), "+Inf"]
    for key, row in rows:
        buckets = list(zip(bounds, accumulate(row[:-1]), strict=True))
        family.add_metric(key, buckets, sum_value=row[-1])
    return family


def _gauges(gauges: list[dict[MetricKey, list[float]]]) -> Iterator[Metric]:
    processes = GaugeMetricFamily(
        "tracking_processes", "Worker processes that these metrics are of.", unit="processes"
    )
    processes.add_metric((), len(gauges))
    yield processes
    database = GaugeMetricFamily(
        "tracking_database_up", "Whether the database answers; nothing before it was first asked."
    )
    answers = [row[0] for rows in gauges if (row := rows.get((GAUGE, DATABASE)))]
    if known := [answer for answer in answers if not math.isnan(answer)]:
        # 0 if one worker cannot reach it.
        database.add_metric((), min(known))
    yield database

    by_series: dict[str, list[list[float]]] = defaultdict(list)
    for each in gauges:
        for key, row in sorted(each.items()):
            # The row of a series that is closed is not a number.
            if key[:2] == (GAUGE, SERIES) and not math.isnan(row[0]):
                by_series[key[2]].append(row)
    serials = GaugeMetricFamily(
        "tracking_reserve_serials",
        "Serials in memory, to be issued without the database.",
        labels=("series",),
        unit="serials",
    )
    seconds = GaugeMetricFamily(
        "tracking_reserve_seconds",
        "How long the reserve lasts at the present rate: the least of the workers'.",
        labels=("series",),
        unit="seconds",
    )
    remaining = GaugeMetricFamily(
        "tracking_series_remaining_serials",
        "Serials of the series that nobody has leased, as of the last lease.",
        labels=("series",),
        unit="serials",
    )
    followed = GaugeMetricFamily(
        "tracking_series_has_successor",
        "1 if another series is issued from when this one has no serials left, 0 if none is.",
        labels=("series",),
    )
    for series, rows in sorted(by_series.items()):
        serials.add_metric((series,), sum(row[0] for row in rows))
        seconds.add_metric((series,), min(_lasts(held, rate) for held, rate, *_ in rows))
        # It only ever falls, so the least is the latest.
        if left := [row[2] for row in rows if not math.isnan(row[2])]:
            remaining.add_metric((series,), min(left))
        # All workers read the same. While one has not read it yet: a warning too long, not too late.
        followed.add_metric((series,), min(row[3] for row in rows))
    yield from (serials, seconds, remaining, followed)


def _lasts(held: float, rate: float) -> float:
    """Seconds. A reserve of nothing lasts for none, though nobody asks any more."""
    if not held:
        return 0.0
    return held / rate if rate else math.inf
