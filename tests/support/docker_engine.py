"""A Docker engine of the tests' own, from Debian's packages: dockerd in a folder that goes with it.

It makes no rule in the machine's firewall and no bridge but those of the networks that it is asked
for. Its images, volumes and containers are no other engine's. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support import processes
from tests.support.debian import program
from tests.support.waiting import wait_until

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class DockerEngine:
    """dockerd, started with the block and ended with it, containers and all."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise RuntimeError("containers need root here: run `make test-system` as root")
        self.folder = Path(tempfile.mkdtemp(prefix="tracking-docker-"))
        self.socket = self.folder / "docker.sock"
        # docker looks for its plugins, such as compose, below this.
        self.config = self.folder / "config"
        (self.config / "cli-plugins").mkdir(parents=True)
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What `docker` needs to talk to this engine, and nothing of the caller's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return {
            **kept,
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.config),
            # BuildKit, where a build asks for it by itself, is compose's own.
            "DOCKER_BUILDKIT": "0",
        }

    def docker(
        self,
        *arguments: str | Path,
        seconds: float = 300.0,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> str:
        """What `docker ARGUMENTS` prints; RuntimeError with all its output where it fails."""
        done = self.attempt(*arguments, seconds=seconds, folder=folder, env=env, stdin=stdin)
        if done.returncode:
            raise RuntimeError(
                f"docker {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
        return done.stdout

    def attempt(
        self,
        *arguments: str | Path,
        seconds: float = 300.0,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker ARGUMENTS` to its end, whatever its exit code."""
        done = subprocess.run(
            [program("docker", package="docker.io"), *map(str, arguments)],
            cwd=folder,
            env={**self.environment, **(env or {})},
            input=stdin,
            capture_output=True,
            timeout=seconds,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"dockerd ended instead of answering:\n{self.log()}")
        return self.attempt("version", seconds=20).returncode == 0

    def log(self) -> str:
        """The end of what dockerd has logged."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def __enter__(self) -> Self:
        (self.folder / "daemon.json").write_text("{}")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program("dockerd", package="docker.io"),
                    f"--config-file={self.folder / 'daemon.json'}",
                    f"--data-root={self.folder / 'data'}",
                    f"--exec-root={self.folder / 'exec'}",
                    f"--pidfile={self.folder / 'pid'}",
                    f"--host=unix://{self.socket}",
                    # What it would change on the machine.
                    *("--bridge=none", "--iptables=false", "--ip6tables=false"),
                    *("--ip-forward=false", "--ip-masq=false"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, seconds=START_SECONDS, what="dockerd to answer", pause=0.1)
        except BaseException:
            self._end()
            raise
        return self

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                processes.end(self._process)
        # What a container that would not end has left mounted; the deepest first.
        for mount in sorted(mounts_below(self.folder), reverse=True):
            subprocess.run(["umount", "--lazy", mount], timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            sys.stdout.write(f"--- dockerd\n{self.log()}")
        self._end()


def mounts_below(folder: Path) -> list[str]:
    mounts = [part.mountpoint for part in psutil.disk_partitions(all=True)]
    return [mount for mount in mounts if Path(mount).is_relative_to(folder)]
