"""One PostgreSQL server's process: started, stopped, frozen and killed at a test's will."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import psycopg

from tests.support import postgres_programs, processes
from tests.support.databases import DatabaseServer
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_until

SUPERUSER = "postgres"
START_SECONDS = 60.0
STOP_SECONDS = 30.0

# A process that is killed loses nothing that it wrote, synced or not; only a power cut would tell
# the difference, and tests have none. Not syncing makes the suite several times faster.
PARAMETERS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # In the server's folder, so that nothing stays in /dev/shm after a SIGKILL.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

StopMode = Literal["smart", "fast", "immediate"]
# What each mode of pg_ctl sends: wait for clients, end their sessions, or drop everything.
SIGNALS: Mapping[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


class PostgresProcess(DatabaseServer):
    """The server whose data lies in `folder`/data; it has a port of its own, and keeps it."""

    def __init__(self, folder: Path, parameters: Mapping[str, str]) -> None:
        self.port = free_port()
        super().__init__(f"postgresql://{SUPERUSER}@{HOST}:{self.port}/postgres")
        self.folder = folder
        self.data = folder / "data"
        self.parameters = {**PARAMETERS, **parameters}
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What the server has logged in all its runs."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *, seconds: float = START_SECONDS) -> None:
        """Start, and return when the server answers a query.

        Raises RuntimeError with the end of its log where it ends instead, TimeoutError where it
        does not answer within `seconds`.
        """
        if self.running:
            raise RuntimeError("the server runs already")
        user = postgres_programs.account()
        self._write_settings()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [postgres_programs.program("postgres"), "-D", str(self.data)],
                cwd=self.folder,
                env=postgres_programs.environment(),
                user=user.uid,
                group=user.gid,
                extra_groups=None if user.uid is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests, which then stop the server in their own order.
                start_new_session=True,
            )
        wait_until(self._answers, seconds=seconds, what=f"PostgreSQL on port {self.port}")

    def _write_settings(self) -> None:
        # In a file, not in the command: PostgreSQL takes a reload of other settings to contradict
        # what the command says, and complains.
        settings = {**self.parameters, "port": str(self.port)}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        (self.data / "tests.conf").write_text("".join(lines))
        (self.data / "tests.conf").chmod(0o644)

    def _answers(self) -> bool:
        if not self.running:
            raise RuntimeError(f"PostgreSQL ended instead of answering:\n{self.log()[-2000:]}")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, mode: StopMode = "fast", *, seconds: float = STOP_SECONDS) -> None:
        """Stop the server as `pg_ctl stop -m MODE` does, and return when it has ended.

        Raises TimeoutError where it has not ended within `seconds`.
        """
        process = self._running_process()
        self.resume()
        process.send_signal(SIGNALS[mode])
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"PostgreSQL did not stop ({mode}) in {seconds:g} s") from None

    def kill(self) -> None:
        """SIGKILL all its processes at once, as a machine that dies does."""
        processes.end(self._running_process())
        self._paused = False
        self._remove_shared_memory()

    def pause(self) -> None:
        """SIGSTOP all its processes: connections hang instead of failing."""
        processes.freeze(self._running_process().pid)
        self._paused = True

    def resume(self) -> None:
        """SIGCONT all its processes; without effect on a server that is not paused."""
        if self._paused:
            processes.thaw(self._running_process().pid)
            self._paused = False

    def _remove_shared_memory(self) -> None:
        """Remove the segment that a killed server leaves; it would last until a reboot."""
        lock_file = self.data / "postmaster.pid"
        if lock_file.exists():
            # Its seventh line holds the key and the id, where there is a segment.
            ids = "".join(lock_file.read_text().splitlines()[6:7]).split()[1:2]
            for segment in ids:
                subprocess.run(["ipcrm", "-m", segment], capture_output=True, timeout=10)

    def _running_process(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the server does not run")
        return self._process
