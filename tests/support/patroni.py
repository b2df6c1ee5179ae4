"""Three machines in small: on each a PostgreSQL under Patroni, and a member of etcd.

    with Cluster() as cluster:
        ... cluster.url("tracking") ...
        leader = cluster.leader()
        leader.kill()
        cluster.wait_for_another_leader(leader)
        leader.start()

All of it on the loopback address, each with ports and a folder of its own. Only processes that
were started here are ended, by their ids.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from tests.support import postgres_programs, processes
from tests.support.debian import postgres_folder, program
from tests.support.lifetime import Lifetime
from tests.support.ports import HOST, free_port
from tests.support.waiting import wait_until

T = TypeVar("T")

PASSWORD = "of the tests alone"
# Patroni's least time to live of the leader's key: a leader that is dead so long is replaced.
TTL_SECONDS = 20
START_SECONDS = 60.0


class Machine:
    """One of the three; `kill` is what happens where the power goes."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"node{number}"
        self.folder = folder / self.name
        self.folder.mkdir()
        postgres_programs.account().own(self.folder)
        self.postgres, self.api, self.client, self.peer = (free_port() for _ in range(4))
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def etcd(self) -> str:
        return f"{HOST}:{self.client}"

    @property
    def member(self) -> str:
        """How etcd's members are told of one another."""
        return f"{self.name}=http://{HOST}:{self.peer}"

    @property
    def data(self) -> Path:
        return self.folder / "postgres"

    def start(self) -> None:
        """Start etcd and Patroni, which starts PostgreSQL."""
        self._run(program("etcd", package="etcd-server"), "--config-file", "etcd.json")
        self._run(program("patroni", package="patroni"), "patroni.json")

    def configure(self, others: list[Machine]) -> None:
        """Write the settings of both; `others` are all machines, this one among them."""
        etcd = {
            "name": self.name,
            "data-dir": str(self.folder / "etcd"),
            "listen-client-urls": f"http://{self.etcd}",
            "advertise-client-urls": f"http://{self.etcd}",
            "listen-peer-urls": f"http://{HOST}:{self.peer}",
            "initial-advertise-peer-urls": f"http://{HOST}:{self.peer}",
            "initial-cluster": ",".join(other.member for other in others),
            # Patroni speaks HTTP with it; where a file has the settings, 3.4 does not by itself.
            "enable-grpc-gateway": True,
            "log-level": "warn",
        }
        patroni = {
            "scope": "tracking",
            "name": self.name,
            "restapi": {"listen": f"{HOST}:{self.api}", "connect_address": f"{HOST}:{self.api}"},
            "etcd3": {"hosts": [other.etcd for other in others]},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": 2,
                    "retry_timeout": 5,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 60}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums", "no-sync"],
            },
            "postgresql": {
                "listen": f"{HOST}:{self.postgres}",
                "connect_address": f"{HOST}:{self.postgres}",
                "data_dir": str(self.data),
                "bin_dir": str(postgres_folder()),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": PASSWORD},
                    "replication": {"username": "replicator", "password": PASSWORD},
                },
                "pg_hba": [
                    f"host all all {HOST}/32 scram-sha-256",
                    f"host replication replicator {HOST}/32 scram-sha-256",
                ],
                "parameters": {
                    "unix_socket_directories": "",
                    "shared_buffers": "32MB",
                    "dynamic_shared_memory_type": "mmap",
                },
            },
        }
        for name, settings in {"etcd": etcd, "patroni": patroni}.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(settings, indent=2))
            path.chmod(0o644)

    def _run(self, *command: str) -> None:
        user = postgres_programs.account()
        with (self.folder / "log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    # Debian's own Python runs Patroni, without what the tests have installed.
                    env={**postgres_programs.environment(), "HOME": str(self.folder)},
                    user=user.uid,
                    group=user.gid,
                    extra_groups=None if user.uid is None else [],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def kill(self) -> None:
        """SIGKILL Patroni, PostgreSQL and etcd; without effect where none of them runs."""
        lock_file = self.data / "postmaster.pid"
        for process in reversed(self._processes):
            if process.poll() is None:
                processes.end(process)
        self._processes.clear()
        if lock_file.exists():
            # Patroni lets PostgreSQL run as nobody's child.
            processes.end_family(int(lock_file.read_text().split()[0]), in_folder=self.data)

    def role(self) -> str | None:
        """`master` or `primary`, `replica`, …; None where Patroni does not say."""
        told = self._ask("/patroni")
        return None if told is None or told.get("state") != "running" else str(told["role"])

    @property
    def leads(self) -> bool:
        return self.role() in {"master", "primary"}

    def _ask(self, path: str) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.api}{path}", timeout=2) as answer:
                told: dict[str, Any] = json.load(answer)
                return told
        except (OSError, ValueError, urllib.error.URLError):
            return None

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Cluster(Lifetime):
    """The three machines; ended with the block."""

    def __init__(self) -> None:
        self.folder = postgres_programs.new_folder()
        self.machines = [Machine(number, self.folder) for number in (1, 2, 3)]
        for machine in self.machines:
            machine.configure(self.machines)

    def leader(self) -> Machine | None:
        """Whoever leads now; None while nobody does."""
        return next((machine for machine in self.machines if machine.leads), None)

    def wait_for_leader(self, *, other_than: Machine | None = None) -> Machine:
        def found() -> Machine | None:
            leader = self.leader()
            return None if leader is other_than else leader

        leader = self._wait_until(found, "a leader")
        assert leader is not None
        return leader

    def wait_for_standbys(self, count: int) -> None:
        """Wait until so many standbys receive what the primary writes, as it says itself.

        Patroni calls one that has yet to connect `running` too, and that may take five seconds.
        """

        def streaming() -> bool:
            url = self.url("postgres", user="postgres")
            try:
                with psycopg.connect(url, connect_timeout=2) as connection:
                    # By name: the copying of a standby to be streams as well.
                    found = connection.execute(
                        "SELECT count(*) FROM pg_stat_replication"
                        " WHERE state = 'streaming' AND application_name = ANY(%s)",
                        [[machine.name for machine in self.machines]],
                    ).fetchone()
            except psycopg.OperationalError:
                return False
            return found is not None and found[0] >= count

        self._wait_until(streaming, f"{count} standbys")

    def _wait_until(self, condition: Callable[[], T], what: str) -> T:
        return wait_until(condition, seconds=START_SECONDS, what=what, pause=0.1)

    def url(self, database: str, *, user: str = "tracking") -> str:
        """Of whichever machine is the primary."""
        hosts = ",".join(f"{HOST}:{machine.postgres}" for machine in self.machines)
        password = PASSWORD.replace(" ", "%20")
        return f"postgresql://{user}:{password}@{hosts}/{database}?target_session_attrs=read-write"

    def execute(self, statement: sql.Composed | sql.SQL, *, database: str = "postgres") -> None:
        """Run one statement as the superuser, on the primary."""
        with psycopg.connect(self.url(database, user="postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def begin(self) -> None:
        for machine in self.machines:
            machine.start()
        self.wait_for_leader()
        self.wait_for_standbys(2)

    def log(self) -> str:
        """What the machines have written, the last of each."""
        return "\n".join(f"{one.name}:\n{one.log()[-3000:]}" for one in self.machines)

    def close(self) -> None:
        for machine in self.machines:
            machine.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
