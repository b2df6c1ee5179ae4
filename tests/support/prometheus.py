"""A real Prometheus, of Debian's package, with deploy/prometheus.yml but for ports and pace."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from tests.support import processes
from tests.support.client import Client
from tests.support.commands import ROOT
from tests.support.debian import program
from tests.support.load import Address
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
TARGETS = '["127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003"]'


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `promtool ARGUMENTS` to its end, whatever its exit code."""
    command = [program("promtool", package="prometheus"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def write_configuration(folder: Path, targets: Sequence[Address], token: str) -> Path:
    """prometheus.yml and what it names, as docs/observability.md has them put; the file's path."""
    text = (DEPLOY / "prometheus.yml").read_text()
    changes = {
        TARGETS: json.dumps([f"{host}:{port}" for host, port in targets]),
        "scrape_interval: 15s": "scrape_interval: 500ms",
        "evaluation_interval: 15s": "evaluation_interval: 500ms",
    }
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"deploy/prometheus.yml has no {old!r} any more")
        text = text.replace(old, new)
    (folder / "prometheus.yml").write_text(text)
    (folder / "tracking-alerts.yml").write_text((DEPLOY / "alerts.yml").read_text())
    (folder / "tracking-token").write_text(token)
    return folder / "prometheus.yml"


class Prometheus:
    """Scrapes `targets` with `token`; ended with the block."""

    def __init__(self, targets: Sequence[Address], token: str) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="tracking-prometheus-")
        self._configuration = write_configuration(Path(self._folder.name), targets, token)
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def query(self, expression: str) -> dict[str, float]:
        """The value of each sample of an instant query, by its `instance`."""
        samples = self._get("query", query=expression)["result"]
        return {each["metric"].get("instance", ""): float(each["value"][1]) for each in samples}

    def alerts(self) -> set[tuple[str, str]]:
        """The name and the state, `pending` or `firing`, of every alert that is one of these."""
        listed = self._get("alerts")["alerts"]
        return {(alert["labels"]["alertname"], alert["state"]) for alert in listed}

    def _get(self, what: str, **query: str) -> Any:
        client = Client(HOST, self.port)
        try:
            return client.get(f"/api/v1/{what}?{urlencode(query)}").json()["data"]
        finally:
            client.close()

    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program("prometheus", package="prometheus"),
                    f"--config.file={self._configuration}",
                    f"--storage.tsdb.path={self._folder.name}/data",
                    f"--web.listen-address={HOST}:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, seconds=60, what="Prometheus to be ready", pause=0.1)
        except BaseException:
            self._end()
            raise
        return self

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"Prometheus ended instead of starting:\n{self.log()}")
        client = Client(HOST, self.port)
        try:
            return client.get("/-/ready").status == http.client.OK
        except OSError:
            return False
        finally:
            client.close()

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            processes.end(self._process)
        self._folder.cleanup()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            sys.stdout.write(f"--- Prometheus\n{self.log()[-4000:]}")
        self._end()
