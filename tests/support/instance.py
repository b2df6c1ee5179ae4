"""One instance of the service: a real process that the test starts, freezes, ends or kills."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support import processes
from tests.support.client import Client, Response, number_path
from tests.support.commands import ROOT, environment
from tests.support.lifetime import Lifetime
from tests.support.ports import HOST, free_port, listens
from tests.support.waiting import wait_until

SERVE = (sys.executable, "-m", "flask", "serve", "--host", HOST, "--port", "{port}")


class Instance(Lifetime):
    """Started by `start` or `with`, and always ended with the block.

    `env` holds settings of the service, DATABASE_URL first of all. `command` is another server's
    command line, with `{port}` where the port belongs, and is run in `folder`. The high-water marks
    lie in a folder that goes with the instance, unless `env` names another; a restart finds it
    again.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        command: Sequence[str] = SERVE,
        folder: Path = ROOT,
        port: int | None = None,
        timeout: float = 10.0,
    ) -> None:
        """`timeout` is in seconds, for one answer."""
        self.port = port or free_port()
        self.address = (HOST, self.port)
        self._command = [part.format(port=self.port) for part in command]
        self._cwd = folder
        self._timeout = timeout
        self._folder = tempfile.TemporaryDirectory(prefix="tracking-instance-")
        self._env = environment(**{"TRACKING_STATE_DIR": self._folder.name, **env})
        self._log = Path(self._folder.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        # A connection serves one thread at a time, so each thread that asks has its own.
        self._clients = threading.local()
        self._opened: list[Client] = []

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self._running_process().pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the process has written to stdout and stderr in all its runs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self, *, seconds: float = 20.0) -> Self:
        """Start, and return when the port accepts connections.

        Raises RuntimeError with the log where the process ends instead, TimeoutError after
        `seconds`.
        """
        if self.running:
            raise RuntimeError("the instance runs already")
        # Connections to an earlier run lead nowhere; a client opens a new one when it is asked.
        for client in self._opened:
            client.close()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the tests, which then end the instance themselves.
                start_new_session=True,
            )
        try:
            wait_until(self._listens, seconds=seconds, what=f"{self.url} to listen")
        except BaseException:
            self.kill()
            raise
        return self

    def begin(self) -> None:
        if not self.running:
            self.start()

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """GET `path` over this thread's connection, which is kept for the next request."""
        return self.request("GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        client: Client | None = getattr(self._clients, "client", None)
        if client is None:
            client = self._clients.client = Client(*self.address, timeout=self._timeout)
            self._opened.append(client)
        return client.request(method, path, headers=headers, body=body)

    def number(self, **overrides: str | None) -> str:
        """Ask for a number with a valid request, changed by `overrides`; None leaves one out.

        Raises RuntimeError where the answer is not 200; `get(number_path(…))` for other answers.
        """
        response = self.get(number_path(**overrides))
        if response.status != 200:
            raise RuntimeError(f"answered {response.status}: {response.body.decode()}")
        number: str = response.json()["tracking_number"]
        return number

    def terminate(self, *, seconds: float = 30.0) -> int:
        """SIGTERM, wait for the end, and return the exit code (negative: ended by that signal).

        Raises TimeoutError where it has not ended within `seconds`.
        """
        process = self._running_process()
        self.resume()
        process.terminate()
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no end {seconds:g} s after SIGTERM:\n{self.log()}") from None

    def kill(self) -> None:
        """SIGKILL the process and its descendants; without effect on one that has ended."""
        if self._process is not None and self.running:
            processes.end(self._process)
        self._paused = False

    def pause(self) -> None:
        """SIGSTOP the process and its descendants."""
        processes.freeze(self._running_process().pid)
        self._paused = True

    def resume(self) -> None:
        """SIGCONT them; without effect where they are not paused."""
        if self._paused:
            processes.thaw(self._running_process().pid)
            self._paused = False

    def close(self) -> None:
        """End the process whatever its state, and remove its files; may be called twice."""
        self.kill()
        for client in self._opened:
            client.close()
        with contextlib.suppress(FileNotFoundError):
            self._folder.cleanup()

    def _listens(self) -> bool:
        code = None if self._process is None else self._process.poll()
        if code is not None:
            raise RuntimeError(f"ended with {code} instead of listening:\n{self.log()}")
        return listens(self.port)

    def _running_process(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the instance does not run")
        return self._process
