"""What deploy/ has is held against the schemas and linters of those it is for, and against itself.

`tests/system/` runs nginx and systemd's own checks; here is what Python packages can tell.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import crossplane
import kubernetes_validate
import pytest
import yaml

from tests.support.commands import ROOT
from tracking_service.serving.options import OPTIONS
from tracking_service.settings import Settings

KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(KUBERNETES.glob("*.yaml"))
DRAIN_SECONDS = Settings().drain_seconds


def ran(module: str, *arguments: str) -> str:
    """What a linter that is a program beside Python prints; it must find nothing."""
    program = Path(sys.executable).with_name(module)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def manifest(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text())


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def pod(name: str) -> Any:
    return manifest(name)["spec"]["template"]["spec"]


# The image.


def test_the_dockerfile_passes_its_linter() -> None:
    ran("hadolint", "--failure-threshold", "style", str(ROOT / "Dockerfile"))


def test_the_linter_finds_a_planted_fault(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text().replace("python:3.13.9-slim-trixie", "python")
    (tmp_path / "Dockerfile").write_text(text)

    with pytest.raises(AssertionError, match="DL3006"):
        ran("hadolint", str(tmp_path / "Dockerfile"))


def test_the_image_is_built_of_what_the_ignore_file_lets_in() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    ignore = (ROOT / ".dockerignore").read_text().splitlines()

    assert {
        "requirements/run.txt",
        "deploy/container-serve",
        "wsgi.py",
        "migrations",
        "tracking_service",
    } == set(copied)
    assert set(copied) == {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_as_a_user_and_not_in_a_shell() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last = {line.partition(" ")[0]: line.partition(" ")[2] for line in lines}

    assert "10001:10001" == last["USER"]
    assert '["container-serve"]' == last["CMD"]
    assert "SIGTERM" == last["STOPSIGNAL"]


def test_the_image_starts_a_server_that_takes_the_place_of_its_script() -> None:
    script = (ROOT / "deploy" / "container-serve").read_text().splitlines()

    assert ("#!/bin/sh", 'exec flask serve "$@"') == (script[0], script[-1])


def test_no_image_goes_by_a_name_that_changes() -> None:
    images = [service.get("image", "") for service in compose()["services"].values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    others = [image for image in images if image != "tracking-service"]

    assert len(others) >= 4
    for image in others:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+", image), image


# Compose.


def test_the_compose_file_fits_the_specification() -> None:
    ran("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml"))


def test_a_planted_fault_does_not_fit_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text((ROOT / "compose.yaml").read_text().replace("restart:", "restarts:"))

    with pytest.raises(AssertionError, match="restarts"):
        ran("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))


def test_nginx_is_told_the_addresses_that_the_containers_have() -> None:
    listed = (ROOT / "deploy" / "nginx-instances.compose.conf").read_text()
    addresses = [
        service["networks"]["inside"]["ipv4_address"] + ":8000"
        for name, service in compose()["services"].items()
        if re.fullmatch(r"tracking-\d", name)
    ]

    assert 3 == len(addresses)
    assert addresses == re.findall(r"^server (\S+) max_fails", listed, re.MULTILINE)


def test_the_instances_wait_for_the_migrations_and_these_for_the_database() -> None:
    services = compose()["services"]

    assert (
        "service_completed_successfully"
        == (services["tracking-1"]["depends_on"]["migrate"]["condition"])
    )
    assert {"postgres": {"condition": "service_healthy"}} == services["migrate"]["depends_on"]
    assert {"tracking-1", "tracking-2", "tracking-3"} == set(services["nginx"]["depends_on"])


def test_compose_waits_for_the_drain() -> None:
    grace = compose()["services"]["tracking-1"]["stop_grace_period"]

    assert float(grace.removesuffix("s")) > 2 * DRAIN_SECONDS


# Kubernetes.


def test_there_is_a_manifest_of_each_kind() -> None:
    kinds = {yaml.safe_load(path.read_text())["kind"] for path in MANIFESTS}

    assert {
        "Deployment",
        "Service",
        "Job",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "Secret",
    } == kinds


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_fits_the_schemas_of_kubernetes(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(document, desired_version="1.30", strict=True)
        newest = kubernetes_validate.latest_version()
        kubernetes_validate.validate(document, desired_version=newest, strict=True)


def test_a_planted_fault_does_not_fit_the_schemas() -> None:
    deployment = manifest("deployment")
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 40

    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(deployment, desired_version="1.30", strict=True)


def test_all_manifests_mean_the_same_pods() -> None:
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]

    assert labels == manifest("deployment")["spec"]["selector"]["matchLabels"]
    assert labels == manifest("service")["spec"]["selector"]
    assert labels == manifest("disruption-budget")["spec"]["selector"]["matchLabels"]
    assert labels != manifest("migrate")["spec"]["template"]["metadata"]["labels"]
    assert "tracking" == manifest("autoscaler")["spec"]["scaleTargetRef"]["name"]


def test_a_pod_has_time_to_drain_and_to_hand_back() -> None:
    container = pod("deployment")["containers"][0]
    waits = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = {one["name"]: one.get("value") for one in container["env"]}["TRACKING_DRAIN_SECONDS"]

    assert waits >= 5
    assert pod("deployment")["terminationGracePeriodSeconds"] > waits + 2 * float(drain)


@pytest.mark.parametrize("name", ["deployment", "migrate"])
def test_no_pod_starts_without_the_url_of_the_database(name: str) -> None:
    env = {one["name"]: one for one in pod(name)["containers"][0]["env"]}
    reference = env["DATABASE_URL"]["valueFrom"]["secretKeyRef"]

    # Not optional, as it is by default.
    assert {"name": "tracking", "key": "DATABASE_URL"} == reference


@pytest.mark.parametrize("name", ["deployment", "migrate"])
def test_a_service_of_a_pods_namespace_sets_no_variable(name: str) -> None:
    # That of a Service named `tracking` would be TRACKING_PORT, which stops the start.
    assert pod(name)["enableServiceLinks"] is False


def test_readiness_and_liveness_ask_different_questions() -> None:
    container = pod("deployment")["containers"][0]

    assert "/readyz" == container["readinessProbe"]["httpGet"]["path"]
    assert "/healthz" == container["livenessProbe"]["httpGet"]["path"]


@pytest.mark.parametrize("name", ["deployment", "migrate"])
def test_a_pod_may_do_no_more_than_it_needs(name: str) -> None:
    (container,) = pod(name)["containers"]

    assert pod(name)["securityContext"]["runAsNonRoot"]
    assert 10001 == pod(name)["securityContext"]["runAsUser"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]


def test_an_instance_may_go_and_two_are_left() -> None:
    assert 3 <= manifest("autoscaler")["spec"]["minReplicas"]
    assert 1 == manifest("disruption-budget")["spec"]["maxUnavailable"]
    assert "replicas" not in manifest("deployment")["spec"]


def test_the_secrets_template_holds_none() -> None:
    values = manifest("secret.template")["stringData"]

    assert {
        "DATABASE_URL": "postgresql://USER:PASSWORD@db1,db2,db3/tracking"
        "?target_session_attrs=read-write"
    } == values


# nginx.


def parsed(text: str, folder: Path) -> list[Any]:
    """The `http` block that nginx would read, by a parser that knows its directives.

    It takes what stands in a `map` for directives; that is left to the real nginx.
    """
    text = re.sub(r"^map [^{]+\{[^}]*\}", "", text, flags=re.MULTILINE)
    folder.joinpath("nginx.conf").write_text(f"events {{}}\nhttp {{\n{text}\n}}\n")
    found = crossplane.parse(str(folder / "nginx.conf"), strict=True, combine=True)
    # Not an assert, which cuts a long message short: the errors name the file by its whole path.
    if found["errors"]:
        raise AssertionError(str(found["errors"]))
    (http,) = [one for one in found["config"][0]["parsed"] if one["directive"] == "http"]
    block: list[Any] = http["block"]
    return block


def nginx_conf(instances: str = "nginx-instances.conf") -> str:
    deploy = ROOT / "deploy"
    text = (deploy / "nginx.conf").read_text()
    return text.replace("/etc/nginx/tracking-instances.conf", str(deploy / instances))


def every(block: list[Any], directive: str) -> list[list[str]]:
    """The arguments of each such directive, at whatever depth."""
    found = []
    for one in block:
        if one["directive"] == directive:
            found.append(one["args"])
        found += every(one.get("block", []), directive)
    return found


@pytest.mark.parametrize("instances", ["nginx-instances.conf", "nginx-instances.compose.conf"])
def test_nginx_knows_every_directive_where_it_stands(instances: str, tmp_path: Path) -> None:
    servers = [args for args in every(parsed(nginx_conf(instances), tmp_path), "server") if args]

    # Three for each of the two upstreams, and each of them once more for when all have failed.
    chosen = [args[0] for args in servers if args[1:] == ["max_fails=1", "fail_timeout=1s"]]
    last_resort = [args[0] for args in servers if args[1:] == ["backup", "max_fails=0"]]
    assert 6 == len(chosen)
    assert chosen == last_resort
    assert 12 == len(servers)


def test_the_parser_finds_a_planted_fault(tmp_path: Path) -> None:
    text = nginx_conf().replace("proxy_connect_timeout", "proxy_connect_timeouts")

    with pytest.raises(AssertionError, match="proxy_connect_timeouts"):
        parsed(text, tmp_path)


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_nginx_asks_another_where_one_cannot_be_reached_and_not_where_one_is_slow(
    tmp_path: Path,
) -> None:
    block = parsed(nginx_conf(), tmp_path)
    ((connect,),) = every(block, "proxy_connect_timeout")
    ((read,),) = every(block, "proxy_read_timeout")
    ((send,),) = every(block, "proxy_send_timeout")
    ((tries,),) = every(block, "proxy_next_upstream_tries")
    ((until,),) = every(block, "proxy_next_upstream_timeout")

    assert [["error", "timeout", "http_503"]] == every(block, "proxy_next_upstream")
    assert seconds(connect) * (int(tries) - 1) < seconds(until)
    assert seconds(until) <= min(seconds(read), seconds(send))


def test_nginx_gives_a_kept_connection_up_before_an_instance_does(tmp_path: Path) -> None:
    kept = every(parsed(nginx_conf(), tmp_path), "keepalive_timeout")

    assert ["60s"] == kept[0]
    assert 60 < OPTIONS["channel_timeout"]


# systemd.


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    # Names keep their case; of those that come twice, the last one stands.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "deploy" / "systemd" / "tracking@.service")
    return parser


def test_systemd_waits_for_the_drain() -> None:
    service = unit()["Service"]

    assert float(service["TimeoutStopSec"]) > 2 * DRAIN_SECONDS
    assert "SIGTERM" == service["KillSignal"]


def test_the_unit_is_hardened() -> None:
    service = unit()["Service"]

    assert "tracking" == service["User"]
    assert "strict" == service["ProtectSystem"]
    assert "yes" == service["NoNewPrivileges"]
    assert "" == service["CapabilityBoundingSet"]
