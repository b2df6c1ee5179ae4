"""Base images for the tests' engine: the real ones where a registry has them, else stand-ins.

A stand-in has the name of the real image and is made of Debian's packages, so that every line of
the Dockerfile and of compose.yaml is run without a registry. What differs is what the project does
not write: the minor version of Python, PostgreSQL and nginx, and their entry points.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.debian import program
from tests.support.docker_engine import DockerEngine

FOLDER = Path(__file__).resolve().parents[1] / "system" / "containers" / "stand_ins"

SUITE = "trixie"
"""The release of Debian that the images of the Dockerfile and of compose.yaml are made of."""
BASE = "stand-in:base"
PULL_SECONDS = 120.0
MAKE_SECONDS = 600.0
# Where programs find the authorities that this machine trusts: a proxy's own, for one.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def provide(engine: DockerEngine, images: list[str]) -> dict[str, str]:
    """Have each of `images`, such as `python:3.13.9-slim-trixie`, in the engine.

    The base of the stand-ins is there already. The value is `pulled` or `stand-in`.
    """
    found = {}
    for image in images:
        if _pull(engine, image):
            found[image] = "pulled"
            continue
        kind = image.partition(":")[0]
        build = ["build", "--quiet", "--network=host", f"--tag={image}"]
        engine.docker(*build, FOLDER / kind, seconds=MAKE_SECONDS)
        found[image] = "stand-in"
    return found


def make_base(engine: DockerEngine) -> None:
    """Import a minimal Debian with Python, which installs from where this machine does."""
    archive, pip = engine.folder / "base.tar", engine.folder / "pip.conf"
    pip.write_text(_pip_settings())
    command = [
        *(program("mmdebstrap", package="mmdebstrap"), "--quiet", "--variant=minbase"),
        *("--include=ca-certificates,python3-venv", "--dpkgopt=force-unsafe-io"),
        f"--customize-hook=upload {pip} /etc/pip.conf",
        f"--customize-hook=upload {AUTHORITIES} {AUTHORITIES}",
        *(SUITE, str(archive)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_SECONDS)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap ended with {done.returncode}:\n{done.stderr[-4000:]}")
    engine.docker("import", archive, BASE)
    archive.unlink()


def _pull(engine: DockerEngine, image: str) -> bool:
    try:
        return engine.attempt("pull", "--quiet", image, seconds=PULL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _pip_settings() -> str:
    """Where pip looks on this machine, if that is not where it looks by itself."""
    index = os.environ.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
    lines = ["[global]", f"cert = {AUTHORITIES}", *([f"index-url = {index}"] if index else [])]
    return "\n".join([*lines, ""])


def _pip_setting(name: str) -> str:
    pip = shutil.which("pip") or shutil.which("pip3")
    if pip is None:
        return ""
    done = subprocess.run([pip, "config", "get", name], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def install_compose(engine: DockerEngine) -> None:
    """Give the engine's `docker` its `compose`, from Debian's package.

    Debian 12 has only the first generation of it, which cannot read compose.yaml; the program of
    the release above runs on both.
    """
    fetch = (
        "apt-get update --quiet --quiet && cd /tmp && apt-get download --quiet docker-compose"
        " && dpkg --extract docker-compose_*.deb ."
        " && cp usr/libexec/docker/cli-plugins/docker-compose /plugins/"
    )
    plugins = f"--volume={engine.config / 'cli-plugins'}:/plugins"
    engine.docker("run", "--rm", "--network=host", plugins, BASE, "sh", "-c", fetch)
