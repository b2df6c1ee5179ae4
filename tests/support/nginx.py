"""A real nginx with deploy/nginx.conf as it stands, but for ports and paths."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence

from tests.support import postgres_programs, processes
from tests.support.commands import ROOT
from tests.support.debian import program
from tests.support.lifetime import Lifetime
from tests.support.load import Address
from tests.support.ports import HOST, free_port, listens
from tests.support.waiting import wait_until

MAIN = """\
daemon off;
{user}
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tracking.conf;
}}
"""


class Nginx(Lifetime):
    """nginx in front of the servers at `upstreams`; ended with the block.

    `changes` are further texts of the configuration that a test has replaced; each must be there.
    """

    def __init__(
        self, upstreams: Sequence[Address], *, changes: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.address: Address = (HOST, self.port)
        self.folder = postgres_programs.new_folder()
        self._program = program("nginx", package="nginx")
        self._process: subprocess.Popen[bytes] | None = None
        self._write(upstreams, changes or {})

    @property
    def _command(self) -> list[str]:
        return [self._program, "-c", str(self.folder / "nginx.conf")]

    def check(self) -> str:
        """What `nginx -t` says of the configuration."""
        done = subprocess.run([*self._command, "-t"], capture_output=True, text=True, timeout=30)
        return done.stderr

    def log(self) -> str:
        """What nginx has complained of."""
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _write(self, upstreams: Sequence[Address], changes: Mapping[str, str]) -> None:
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        replaced = {
            "listen 80 default_server;": f"listen {HOST}:{self.port} default_server;",
            "/etc/nginx/tracking-instances.conf": str(self.folder / "instances.conf"),
            "/var/log/nginx/": f"{self.folder}/",
            **changes,
        }
        for old, new in replaced.items():
            if old not in text:
                raise ValueError(f"deploy/nginx.conf has no {old!r} any more")
            text = text.replace(old, new)
        (self.folder / "tracking.conf").write_text(text)
        # The lines that the project gives for one instance, with other addresses.
        lines = [
            line
            for line in (ROOT / "deploy" / "nginx-instances.conf").read_text().splitlines()
            if line.startswith("server 127.0.0.1:8001 ")
        ]
        (self.folder / "instances.conf").write_text(
            "".join(
                line.replace("127.0.0.1:8001", f"{host}:{port}") + "\n"
                for line in lines
                for host, port in upstreams
            )
        )
        user = "" if postgres_programs.account().uid is None else "user nobody nogroup;"
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, user=user))

    def begin(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, start_new_session=True
        )
        wait_until(self._listens, seconds=20, what=f"nginx to listen on {self.port}")

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"nginx ended instead of listening:\n{self.log()}")
        return listens(self.port)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            # Asked first: one that is killed while it starts may leave a worker behind.
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                processes.end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)
