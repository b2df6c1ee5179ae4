"""Podman with images, containers and a network namespace of the tests' own. Needs root."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.support.debian import program
from tests.support.docker_engine import mounts_below
from tests.support.lifetime import Lifetime

# Podman raises a container's limits to those of a machine's root, which root here may not do.
RUNTIME = """\
#!{python}
import json, os, pathlib, sys
if "--bundle" in sys.argv:
    config = pathlib.Path(sys.argv[sys.argv.index("--bundle") + 1]) / "config.json"
    spec = json.loads(config.read_text())
    spec["process"].pop("rlimits", None)
    config.write_text(json.dumps(spec))
os.execv("{runc}", ["runc", *sys.argv[1:]])
"""


class Podman(Lifetime):
    """What `podman` runs within the block ends with it, its network and its firewall too."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tracking-podman-"))
        runtime = self.folder / "runtime"
        runtime.write_text(
            RUNTIME.format(python=shutil.which("python3"), runc=program("runc", package="runc"))
        )
        runtime.chmod(0o755)
        self._networks: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self._networks = subprocess.Popen(
            [program("unshare", package="util-linux"), "--net", "sleep", "infinity"]
        )
        self.inside("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        try:
            if self._networks is not None:
                self.podman("pod", "rm", "--all", "--force")
        finally:
            if self._networks is not None:
                self._networks.kill()
                self._networks.wait()
                self._networks = None
            for mount in sorted(mounts_below(self.folder), reverse=True):
                subprocess.run(["umount", "--lazy", mount], timeout=10)
            shutil.rmtree(self.folder, ignore_errors=True)

    def podman(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """What `podman ARGUMENTS` prints; RuntimeError with all its output where it fails."""
        return self.inside(
            program("podman", package="podman"),
            *("--cgroup-manager", "cgroupfs", "--runtime", self.folder / "runtime"),
            *("--root", self.folder / "root", "--runroot", self.folder / "run"),
            *("--network-config-dir", self.folder / "networks"),
            *arguments,
            stdin=stdin,
        )

    def inside(self, *command: str | Path, stdin: str | None = None, seconds: float = 300.0) -> str:
        """Run a command in the network namespace; RuntimeError where it fails."""
        assert self._networks is not None
        enter = [
            program("nsenter", package="util-linux"),
            f"--net=/proc/{self._networks.pid}/ns/net",
        ]
        done = subprocess.run(
            [*enter, *map(str, command)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
        return done.stdout

    def make_secret(self, name: str, **values: str) -> None:
        """A Secret as `podman kube play` reads it: the JSON of its data."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.podman("secret", "create", name, "-", stdin=json.dumps(data))

    def play(self, manifest: Any) -> None:
        """`podman kube play`."""
        path = self.folder / "manifest.yaml"
        path.write_text(yaml.safe_dump(manifest))
        self.podman("kube", "play", path)

    def inspect(self, container: str) -> Any:
        """What is known of a container."""
        return json.loads(self.podman("inspect", container))[0]

    def log_of(self, container: str) -> str:
        """What a container has written to stdout and stderr."""
        return Path(self.inspect(container)["HostConfig"]["LogConfig"]["Path"]).read_text()
