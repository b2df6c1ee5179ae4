"""deploy/: alert rules and dashboard can be loaded, and name only what /metrics tells.

docs/observability.md has every metric and every alert, and none that there is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from tests.support.commands import ROOT
from tests.support.exposition import names, read
from tests.support.promql import named
from tracking_service.telemetry.counters import Totals
from tracking_service.telemetry.exposition import metric_families
from tracking_service.telemetry.metrics import Metrics

ALERTS = ROOT / "deploy" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
DOCS = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")

# What Prometheus itself adds to every sample of a target.
FROM_PROMETHEUS = {"instance", "job"}
# What it says itself of a target.
OF_A_TARGET = {"up"}
SEVERITIES = {"critical", "warning"}


def told() -> set[str]:
    """Every name that /metrics has, and those that Prometheus adds."""
    return names(read(Metrics().render()[0])) | OF_A_TARGET


def labels() -> dict[str, set[str]]:
    """The labels of each name."""
    found: dict[str, set[str]] = {name: set() for name in OF_A_TARGET}
    for family in metric_families(Totals()):
        own = set(getattr(family, "_labelnames", ()))
        for name in names({family.name: family}):
            found[name] = own | ({"le"} if name.endswith("_bucket") else set())
    return found


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> Iterator[Any]:
    for rule in rules():
        yield pytest.param(rule["expr"], id=rule["alert"])
    for panel in panels():
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")


@pytest.mark.parametrize("query", [*queries()])
def test_a_query_names_only_metrics_and_labels_that_exist(query: str) -> None:
    found = named(query)

    assert found.metrics
    assert found.metrics <= told()
    for metric, label in found.labels:
        assert label in labels()[metric] | FROM_PROMETHEUS, (metric, label)
    for label in found.grouped_by:
        assert any(label in labels()[metric] | FROM_PROMETHEUS for metric in found.metrics), label


@pytest.mark.parametrize(
    "query", ["rate(tracking_leases_total)", "sum by (x (y)", "no_such_function(x)", "1 +", ""]
)
def test_what_is_no_query_is_found_out(query: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        named(query)


def test_a_query_gives_away_what_it_names() -> None:
    found = named('sum by (le) (rate(a_bucket{b="c"}[$__rate_interval])) unless d offset 1h')

    assert {"a_bucket", "d"} == found.metrics
    assert {("a_bucket", "b")} == found.labels
    assert {"le"} == found.grouped_by


def test_the_alerts_are_rules_as_prometheus_loads_them() -> None:
    loaded = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))

    assert ["groups"] == list(loaded)
    for group in loaded["groups"]:
        assert {"name", "rules"} >= group.keys() - {"interval"}
    for rule in rules():
        assert {"alert", "expr", "labels", "annotations"} == rule.keys() - {"for"}, rule["alert"]
        assert re.fullmatch(r"Tracking[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in SEVERITIES
        assert {"summary", "description"} == rule["annotations"].keys()
        if "for" in rule:
            assert promql_parser.parse_duration(rule["for"])


def test_the_alerts_are_about_the_job_that_prometheus_is_told_of() -> None:
    (scraped,) = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    jobs = set(re.findall(r'job="([^"]+)"', ALERTS.read_text()))

    assert {scraped["job_name"]} == jobs


def test_no_alert_has_two_rules() -> None:
    listed = [rule["alert"] for rule in rules()]

    assert sorted(set(listed)) == sorted(listed)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_text_uses_only_labels_that_its_query_leaves(rule: dict[str, Any]) -> None:
    found = named(rule["expr"])
    kept = found.grouped_by or set.union(*(labels()[name] for name in found.metrics))
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))

    assert used <= kept | (FROM_PROMETHEUS if not found.grouped_by else set())


@pytest.mark.parametrize("panel", ["Least reserve"])
def test_what_is_exhausted_does_not_count_as_a_reserve(panel: str) -> None:
    (query,) = [
        target["expr"] for one in panels() if one["title"] == panel for target in one["targets"]
    ]

    assert "tracking_series_remaining_serials" in named(query).metrics


def test_every_danger_has_its_alert() -> None:
    watched = set.union(*(named(rule["expr"]).metrics for rule in rules()))

    assert {
        "tracking_reserve_seconds",
        "tracking_database_up",
        "tracking_series_remaining_serials",
        "tracking_series_skips_total",
        "tracking_http_requests_total",
        "tracking_leases_total",
    } <= watched


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in panels()]

    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= dashboard.keys()
    assert sorted(set(ids)) == ids
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert "${datasource}" == panel["datasource"]["uid"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_no_two_panels_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }

        assert not own & taken, panel["title"]
        taken |= own


def test_the_variables_of_the_dashboard_are_there_and_ask_for_what_exists() -> None:
    listed = json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]
    used = set(re.findall(r"\$\{?([a-z]+)\}?\b", json.dumps(panels())))

    assert used == {variable["name"] for variable in listed}
    for variable in listed:
        if variable["type"] == "query":
            metric, label = re.fullmatch(
                r"label_values\((\w+), (\w+)\)", variable["definition"]
            ).groups()  # type: ignore[union-attr]
            assert label in labels()[metric] | FROM_PROMETHEUS


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set.union(
        *(named(target["expr"]).metrics for panel in panels() for target in panel["targets"])
    )
    families = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}

    assert families == set(read(Metrics().render()[0]))


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    rows = re.findall(r"^\| `(tracking_\w+)` \| (\w+) \|([^|]*)\|", DOCS, re.MULTILINE)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", text))) for name, kind, text in rows}
    found = {}
    for name, family in read(Metrics().render()[0]).items():
        whole = f"{name}_total" if family.type == "counter" else name
        own = labels()[f"{name}_bucket" if family.type == "histogram" else whole] - {"le"}
        found[whole] = (family.type, own)

    assert found == documented


def test_every_alert_is_documented_with_its_severity() -> None:
    documented = dict(re.findall(r"^\| `(Tracking\w+)` \| (\w+) \|", DOCS, re.MULTILINE))

    assert {rule["alert"]: rule["labels"]["severity"] for rule in rules()} == documented
