"""A real PostgreSQL server that a test can start, stop, freeze, clone and promote.

    with PostgresServer.create() as server:
        database = server.create_database()
        ... server.url(database) ...
        server.stop("immediate")
        server.start()

Each server has a folder and a port of its own, and keeps its port over a restart. Every wait has
an end, and only processes that the server itself started are signalled, by their ids.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.support import postgres_programs, processes
from tests.support.lifetime import Lifetime
from tests.support.ports import HOST
from tests.support.postgres_process import SUPERUSER, PostgresProcess
from tests.support.waiting import wait_until


class PostgresServer(PostgresProcess, Lifetime):
    """One server of our own; made by `create` or `base_backup`, ended by `close`."""

    @classmethod
    def create(
        cls, parameters: Mapping[str, str] | None = None, *, start: bool = True
    ) -> PostgresServer:
        """Make an empty server with these settings of postgresql.conf, and start it."""
        server = cls(postgres_programs.new_folder(), parameters or {})
        try:
            initdb = f"initdb --auth=trust --username={SUPERUSER} --encoding=UTF8 --locale=C"
            command = [*initdb.split(), "--no-sync", "--no-instructions", f"--pgdata={server.data}"]
            postgres_programs.run(command, folder=server.folder)
            with (server.data / "postgresql.conf").open("a") as settings:
                settings.write("include 'tests.conf'\n")
            if start:
                server.start()
        except BaseException:
            server.close()
            raise
        return server

    def copy(self) -> PostgresServer:
        """Start a server of its own on a copy of this one's files; this one must be stopped.

        It takes a tenth of the time that `create` and the migrations do.
        """
        if self.running:
            raise RuntimeError("the server runs: its files cannot be copied")
        server = PostgresServer(postgres_programs.new_folder(), self.parameters)
        try:
            shutil.copytree(self.data, server.data)
            postgres_programs.account().own_all(server.data)
            server.start()
        except BaseException:
            server.close()
            raise
        return server

    def base_backup(
        self,
        folder: Path | None = None,
        *,
        apply_delay: str = "0",
        parameters: Mapping[str, str] | None = None,
    ) -> PostgresServer:
        """Clone this server into an asynchronous standby that streams from it, and start that.

        `folder` is an empty one that PostgreSQL's user owns, by default a new one. `apply_delay`
        is `recovery_min_apply_delay`, a number with its unit such as `5s`: the standby receives
        at once and shows later. It ends at a promotion, which applies all that was received.
        """
        settings = {
            **self.parameters,
            "recovery_min_apply_delay": apply_delay,
            "wal_retrieve_retry_interval": "100ms",
            **(parameters or {}),
        }
        standby = PostgresServer(folder or postgres_programs.new_folder(), settings)
        try:
            command = f"pg_basebackup --host={HOST} --port={self.port} --username={SUPERUSER}"
            options = ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]
            target = ["--no-sync", "--no-password", f"--pgdata={standby.data}"]
            postgres_programs.run([*command.split(), *options, *target], folder=standby.folder)
            standby.start()
        except BaseException:
            standby.close()
            raise
        return standby

    def wait_for_standby(self, standby: PostgresServer, *, seconds: float = 30.0) -> None:
        """Return when `standby` has received all that is committed here now."""
        [(here,)] = self.execute("SELECT pg_current_wal_flush_lsn()::text")
        wait_until(
            lambda: (
                standby.execute("SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn", [here])
                == [(True,)]
            ),
            seconds=seconds,
            what=f"the standby to receive {here}",
        )

    def stop_receiving(self, *, seconds: float = 30.0) -> None:
        """On a standby: cut the stream, so that later commits of the primary are unknown here."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        # A new session shows the new value once the server has told all its processes of it.
        wait_until(
            lambda: self.execute("SHOW primary_conninfo") == [("",)],
            seconds=seconds,
            what="the standby to read its settings",
        )
        # A standby that holds back what it received looks at its settings late; its receiver is
        # ended here, and finds no address to start again with.
        receivers = {pid for (pid,) in self.execute("SELECT pid FROM pg_stat_wal_receiver")}
        for process in processes.family(self._running_process().pid):
            if process.pid in receivers:
                process.terminate()
        wait_until(
            lambda: self.execute("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)],
            seconds=seconds,
            what="the standby to stop receiving",
        )

    def promote(self, *, seconds: float = 30.0) -> None:
        """Make this standby a primary on a timeline of its own, and return when it is one."""
        whole_seconds = max(1, round(seconds))
        if self.execute("SELECT pg_promote(true, %s)", [whole_seconds]) != [(True,)]:
            raise TimeoutError(f"the standby was not promoted in {whole_seconds} s")

    def timeline(self) -> int:
        """The timeline that this primary writes, 1 for one that was never promoted."""
        [(name,)] = self.execute("SELECT pg_walfile_name(pg_current_wal_lsn())")
        return int(name[:8], 16)

    def close(self) -> None:
        """End the server whatever its state, and remove its folder; may be called twice."""
        if self.running:
            try:
                self.stop("immediate", seconds=10)
            except TimeoutError:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
