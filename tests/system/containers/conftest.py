"""One engine, the base images and the project's own image, for all tests of containers."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import stand_ins
from tests.support.commands import ROOT
from tests.support.compose import Compose
from tests.support.docker_engine import DockerEngine


def base_images() -> list[str]:
    """The names of all images that the Dockerfile and compose.yaml begin with."""
    named = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    named += [service["image"] for service in services if "build" not in service]
    return sorted(set(named))


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    with DockerEngine() as engine:
        stand_ins.make_base(engine)
        stand_ins.install_compose(engine)
        stand_ins.provide(engine, base_images())
        yield engine


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the repository, as a clone has them."""
    folder = tmp_path_factory.mktemp("checkout") / "tracking-service"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@pytest.fixture(scope="session")
def compose(engine: DockerEngine, checkout: Path) -> Iterator[Compose]:
    """compose.yaml, brought up by the line that docs/deploy.md has."""
    with Compose(engine, checkout) as compose:
        compose.typed("docker compose up --build --detach --wait")
        yield compose
