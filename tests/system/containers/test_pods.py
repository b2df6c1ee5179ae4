"""The manifests of deploy/kubernetes as pods of podman, as far as it takes them.

It knows neither Jobs, Services nor autoscalers, and runs probes by systemd alone. So the Job is
played as the pod that it describes, and the probes' paths are asked for by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.client import number_path
from tests.support.commands import ROOT
from tests.support.compose import Compose
from tests.support.podman import Podman
from tests.support.waiting import wait_until
from tracking_service.store.schema import REVISION

pytestmark = pytest.mark.timeout(900)


def manifest(name: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / "kubernetes" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def engine_of_pods(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """It has the image that compose built, by the manifests' name, and their secret."""
    archive: Path = tmp_path_factory.mktemp("image") / "tracking.tar"
    image = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    compose.engine.docker("save", "--output", archive, "tracking-service")
    with Podman() as podman:
        podman.podman("load", "--quiet", "--input", archive)
        archive.unlink()
        podman.podman("tag", "tracking-service", image)
        # The one volume that a pod has; PostgreSQL is compose's to test.
        podman.make_secret("tracking", DATABASE_URL="sqlite:////var/lib/tracking/tracking.sqlite3")
        yield podman


@pytest.fixture
def podman(engine_of_pods: Podman) -> Iterator[Podman]:
    """It runs no pod and keeps no volume."""
    yield engine_of_pods
    engine_of_pods.podman("pod", "rm", "--all", "--force")
    engine_of_pods.podman("volume", "prune", "--force")


def test_the_deployment_serves_as_a_user_that_may_do_and_write_nothing_else(
    podman: Podman,
) -> None:
    podman.play(manifest("deployment"))
    pod, container = "tracking-pod-0", "tracking-pod-0-tracking"
    (network,) = podman.inspect(container)["NetworkSettings"]["Networks"].values()
    url = f"http://{network['IPAddress']}:8000"

    def ask(path: str) -> Any:
        return json.loads(podman.inside("curl", "--silent", "--max-time", "10", f"{url}{path}"))

    def ready() -> bool:
        try:
            return bool(ask("/readyz")["status"] == "ready")
        except RuntimeError:
            return False

    wait_until(ready, seconds=60, what="the pod to be ready", pause=0.5)
    process = podman.inspect(container)["State"]["Pid"]
    told = Path(f"/proc/{process}/status").read_text()
    status = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    limits = podman.inspect(container)["HostConfig"]
    number = ask(number_path())["tracking_number"]

    assert {"status": "ok"} == ask("/healthz")
    assert "issued" == ask(f"/api/tracking-numbers/{number}")["status"]
    assert ["10001"] * 4 == status["Uid"].split()
    assert ("1", "0000000000000000") == (status["NoNewPrivs"], status["CapEff"])
    assert (True, 512 * 2**20) == (limits["ReadonlyRootfs"], limits["Memory"])

    podman.podman("pod", "stop", "--time", "40", pod)
    assert 0 == podman.inspect(container)["State"]["ExitCode"]
    assert "handed back" in podman.log_of(container)


def test_the_job_brings_the_schema_to_head(podman: Podman) -> None:
    template = manifest("migrate")["spec"]["template"]
    name = "tracking-migrate"
    podman.play(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": template["spec"],
        }
    )
    ended = podman.podman("wait", f"{name}-migrate")

    assert "0" == ended.strip()
    assert f'"revision": "{REVISION}"' in podman.log_of(f"{name}-migrate")
