"""A /metrics answer, read by Prometheus's own Python parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}


def read(body: bytes | str) -> dict[str, Metric]:
    """The families by name; that of a counter is without its `_total`."""
    text = body if isinstance(body, str) else body.decode("utf-8")
    return {family.name: family for family in text_string_to_metric_families(text)}


def read_openmetrics(body: bytes) -> dict[str, Metric]:
    """The same of the OpenMetrics form, whose parser is the stricter one, and knows of units."""
    parse: Callable[[str], Iterable[Metric]] = openmetrics.text_string_to_metric_families
    return {family.name: family for family in parse(body.decode("utf-8"))}


def names(families: Mapping[str, Metric]) -> set[str]:
    """Every name that a query can use, whether there is a sample of it yet or not."""
    return {
        family.name + suffix for family in families.values() for suffix in SUFFIXES[family.type]
    }


def value(families: Mapping[str, Metric], name: str, **labels: str) -> float:
    """The value of the one sample of this name with all of these labels; KeyError without it."""
    found = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    if len(found) != 1:
        raise KeyError(f"{len(found)} samples of {name} {labels}")
    return float(found[0])


def total(families: Mapping[str, Metric], name: str, **labels: str) -> float:
    """The sum of all samples of this name with these labels."""
    return sum(
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
