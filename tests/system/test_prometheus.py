"""Prometheus's own judgement of the alerts, and a real one that scrapes with a key."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT, flask
from tests.support.fleet import Fleet
from tests.support.prometheus import Prometheus, promtool, write_configuration
from tests.support.waiting import wait_until

ALERTS = ROOT / "deploy" / "alerts.yml"
CASES = Path(__file__).with_name("alerts.yml")

NEVER = "vector(0) > 1"
ALWAYS = 'label_replace(vector(1), "instance", "any", "", "")'


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


NAMES = [rule["alert"] for rule in rules()]


def judged(folder: Path, alerts: str) -> tuple[bool, str]:
    """Whether all cases are as promtool finds them with these rules, and what it says."""
    shutil.copy(CASES, folder / "cases.yml")
    (folder / "alerts.yml").write_text(alerts)
    done = promtool("test", "rules", folder / "cases.yml")
    return done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_where_it_is_to_and_nowhere_else(tmp_path: Path) -> None:
    good, said = judged(tmp_path, ALERTS.read_text())

    assert good, said


@pytest.mark.parametrize("expression", [NEVER, ALWAYS], ids=["never", "always"])
@pytest.mark.parametrize("alert", NAMES)
def test_a_rule_that_says_nothing_is_found_out(alert: str, expression: str, tmp_path: Path) -> None:
    document = yaml.safe_load(ALERTS.read_text())
    for rule in document["groups"][0]["rules"]:
        if rule["alert"] == alert:
            rule["expr"] = expression
    good, said = judged(tmp_path, yaml.safe_dump(document))

    assert not good
    assert alert in said


def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    path = write_configuration(tmp_path, [("127.0.0.1", 8001)], "tn_x")
    done = promtool("check", "config", path)

    assert 0 == done.returncode, done.stderr
    assert f"{len(NAMES)} rules found" in done.stdout


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('prometheus') / 'tracking.sqlite3'}"


@pytest.fixture(scope="module")
def token(url: str) -> str:
    """Of a key that was made as docs/observability.md has it."""
    assert 0 == flask("db", "upgrade", env={"DATABASE_URL": url}).returncode
    made = flask("keys", "create", "prometheus", "--scope", "operate", env={"DATABASE_URL": url})
    (found,) = re.findall(r"\btn_[0-9A-Za-z_-]+", made.stdout)
    return str(found)


@pytest.fixture(scope="module")
def fleet(url: str, token: str) -> Iterator[Fleet]:
    with Fleet(url, 2, TRACKING_AUTH="required") as fleet:
        yield fleet


def test_with_its_key_prometheus_reads_every_instance_and_sees_one_that_is_down(
    fleet: Fleet, token: str
) -> None:
    job = 'up{job="tracking-number-service"}'
    down, other = (f"{host}:{port}" for host, port in fleet.addresses)
    with Prometheus(fleet.addresses, token) as prometheus:
        wait_until(
            # Rules that were evaluated before the first scrape say that nothing is scraped.
            lambda: prometheus.query(job) == {down: 1.0, other: 1.0} and not prometheus.alerts(),
            seconds=20,
            what="both to be scraped, and no alert",
            pause=0.2,
        )
        assert {down, other} == prometheus.query("tracking_build_info").keys()
        fleet[0].kill()
        wait_until(
            lambda: ("TrackingInstanceDown", "pending") in prometheus.alerts(),
            seconds=20,
            what="the alert",
            pause=0.2,
        )
        assert {down: 0.0, other: 1.0} == prometheus.query(job)
        fleet[0].start()


def test_without_a_good_key_every_instance_counts_as_down(fleet: Fleet) -> None:
    with Prometheus(fleet.addresses, "tn_wrong") as prometheus:
        wait_until(
            lambda: (
                [0.0, 0.0] == [*prometheus.query('up{job="tracking-number-service"}').values()]
                and {"TrackingServiceAbsent"} == {alert for alert, _ in prometheus.alerts()}
            ),
            seconds=20,
            what="the alert",
            pause=0.2,
        )
