"""compose.yaml as a user runs it, by the lines of docs/deploy.md, on an engine of the tests' own."""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.client import Client, Response
from tests.support.commands import ROOT
from tests.support.docker_engine import DockerEngine
from tests.support.load import Address
from tests.support.ports import HOST, free_port

INSTANCES = ("tracking-1", "tracking-2", "tracking-3")

# What a test changes: the ports, which may be in use, and the network of the build, because the
# tests' engine has no bridge to build on.
CHANGES = """\
services:
  migrate: &build
    build:
      network: host
  tracking-1:
    <<: *build
    ports: !override ["127.0.0.1:{ports[tracking-1]}:8000"]
  tracking-2:
    <<: *build
    ports: !override ["127.0.0.1:{ports[tracking-2]}:8000"]
  tracking-3:
    <<: *build
    ports: !override ["127.0.0.1:{ports[tracking-3]}:8000"]
  nginx:
    ports: !override ["127.0.0.1:{ports[nginx]}:80"]
"""


class Compose:
    """The project in `folder`, a clone; taken down with its volumes at the end of the block."""

    def __init__(self, engine: DockerEngine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self._ports = {name: free_port() for name in (*INSTANCES, "nginx")}
        changes = folder / "changes.yaml"
        changes.write_text(CHANGES.format(ports=self._ports))
        self._env = {"COMPOSE_FILE": f"{folder / 'compose.yaml'}:{changes}"}
        (folder / ".env").write_text(f"POSTGRES_PASSWORD={secrets.token_hex(24)}\n")

    @property
    def nginx(self) -> Address:
        """Where callers ask."""
        return (HOST, self._ports["nginx"])

    def address(self, service: str) -> Address:
        """Where an instance answers those who run it."""
        return (HOST, self._ports[service])

    def get(self, path: str, *, address: Address | None = None) -> Response:
        """A GET through nginx, or to one instance."""
        client = Client(*(address or self.nginx))
        try:
            return client.get(path)
        finally:
            client.close()

    def typed(self, line: str, *, seconds: float = 600.0) -> str:
        """What a line of docs/deploy.md prints. ValueError where the docs have no such line."""
        if line not in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"):
            raise ValueError(f"docs/deploy.md does not say: {line}")
        docker, *arguments = shlex.split(line)
        if docker != "docker":
            raise ValueError(f"not a line for docker: {line}")
        return self.engine.docker(*arguments, folder=self.folder, env=self._env, seconds=seconds)

    def run(self, *arguments: str, seconds: float = 120.0) -> str:
        """What `docker compose ARGUMENTS` prints; RuntimeError where it fails."""
        return self.engine.docker(
            "compose", *arguments, folder=self.folder, env=self._env, seconds=seconds
        )

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose ARGUMENTS` to its end, whatever its exit code."""
        return self.engine.attempt("compose", *arguments, folder=self.folder, env=self._env)

    def inspect(self, service: str) -> Any:
        """All that the engine knows of a service's container, one that has ended too."""
        container = self.run("ps", "--all", "--quiet", service).split()
        (found,) = json.loads(self.engine.docker("inspect", *container))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.attempt("down", "--volumes", "--timeout", "5")
