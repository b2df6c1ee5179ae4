"""Podman with storage and a network namespace of its own, both gone with the block. Needs root.

What it does to interfaces and to the firewall it does in that namespace, and the ports that it
publishes are there alone.
"""

from __future__ import annotations

import json
import os
import resource
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.debian import program


class Podman:
    """`podman` as a test runs it; every container ends with the block."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise RuntimeError("containers need root here: run `make test-system` as root")
        self.folder = Path(tempfile.mkdtemp(prefix="tracking-podman-"))
        self._namespace = f"tracking-{secrets.token_hex(4)}"
        self._settings = self.folder / "containers.conf"
        # Podman raises these to figures of its own, which a machine may not allow.
        limits = [
            f'"{name}={most}:{most}"'
            for name, which in (
                ("nofile", resource.RLIMIT_NOFILE),
                ("nproc", resource.RLIMIT_NPROC),
            )
            if (most := min(resource.getrlimit(which)[1], 4096))
        ]
        self._settings.write_text(f"[containers]\ndefault_ulimits = [{', '.join(limits)}]\n")

    def run(self, *arguments: str | Path, stdin: str | None = None, seconds: float = 120.0) -> str:
        """What `podman ARGUMENTS` prints; RuntimeError with all its output where it fails."""
        done = self.attempt(*arguments, stdin=stdin, seconds=seconds)
        if done.returncode:
            raise RuntimeError(
                f"podman {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
        return done.stdout.strip()

    def attempt(
        self, *arguments: str | Path, stdin: str | None = None, seconds: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `podman ARGUMENTS` to its end, whatever its exit code."""
        command = [
            # Not `ip netns exec`, which takes the control groups away.
            *("nsenter", f"--net=/run/netns/{self._namespace}"),
            program("podman", package="podman"),
            # crun of Debian 12 does not run where both generations of control groups are mounted.
            *("--log-level=error", "--runtime=runc", f"--root={self.folder / 'root'}"),
            *(f"--runroot={self.folder / 'run'}", f"--network-config-dir={self.folder / 'net'}"),
            *map(str, arguments),
        ]
        return subprocess.run(
            command,
            # Podman leaves the timing of health checks to systemd, which a test's machine may lack.
            env={
                **os.environ,
                "CONTAINERS_CONF": str(self._settings),
                "DISABLE_HC_SYSTEMD": "true",
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def inspect(self, container: str) -> Any:
        """All that podman knows of a container."""
        (found,) = json.loads(self.run("inspect", "--type=container", container))
        return found

    def python(self, container: str, code: str) -> str:
        """What a piece of Python prints in a running container."""
        return self.run("exec", container, "python", "-c", code)

    def __enter__(self) -> Self:
        for command in (["netns", "add", self._namespace], self._within("link", "set", "lo", "up")):
            subprocess.run([program("ip", package="iproute2"), *command], check=True, timeout=10)
        return self

    def _within(self, *command: str) -> list[str]:
        return ["-n", self._namespace, *command]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.attempt("rm", "--all", "--force", "--time=1")
            self.attempt("pod", "rm", "--all", "--force", "--time=1")
        finally:
            ip = program("ip", package="iproute2")
            subprocess.run([ip, "netns", "delete", self._namespace], timeout=10)
            shutil.rmtree(self.folder, ignore_errors=True)
