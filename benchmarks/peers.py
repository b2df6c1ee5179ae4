"""Who is compared, on which servers, and how each is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg

from benchmarks.databases import Databases
from tests.support.commands import ROOT, environment, migrate
from tests.support.instance import SERVE, Instance
from tests.support.ports import HOST

BARE, HELLO, SERVICE = "bare WSGI", "Flask hello world", "this service"
FASTAPI_HELLO, FASTAPI, DRF = "FastAPI hello world", "FastAPI", "Django REST framework"
WAITRESS, GUNICORN, GRANIAN, UVICORN = "waitress", "gunicorn", "granian", "uvicorn"

APPS = {
    BARE: "benchmarks.bare:app",
    HELLO: "benchmarks.hello:app",
    SERVICE: "wsgi:app",
    FASTAPI_HELLO: "benchmarks.fastapi_hello:app",
    FASTAPI: "benchmarks.fastapi_numbers:app",
}

THREADS: Mapping[str, str] = {
    WAITRESS: "1 process, 8 threads",
    GUNICORN: "2 workers, 4 threads each",
    GRANIAN: "2 workers",
    UVICORN: "2 workers",
}


@dataclass(frozen=True)
class Peer:
    """One application on one server. `command` has `{port}` where the port belongs."""

    name: str
    server: str
    command: Sequence[str]
    processes: str
    env: Mapping[str, str] = field(default_factory=dict)


def command(server: str, app: str) -> list[str]:
    """How `server` serves `app`: the same for every peer, but that waitress runs the service as
    `flask serve`, which is waitress with a drain.
    """
    python = [sys.executable, "-m"]
    match server:
        case "waitress" if app == APPS[SERVICE]:
            return [*SERVE, "--threads", "8"]
        case "waitress":
            return [*python, "waitress", f"--listen={HOST}:{{port}}", "--threads=8", app]
        case "gunicorn":
            options = ["--worker-class=gthread", "--workers=2", "--threads=4"]
            return [*gunicorn(options), app]
        case "granian":
            options = ["--interface=wsgi", "--workers=2", f"--host={HOST}", "--port={port}"]
            if app in (APPS[FASTAPI], APPS[FASTAPI_HELLO]):
                options[0] = "--interface=asgi"
            return [*python, "granian", *options, app]
        case "uvicorn":
            # With uvloop and httptools, which it takes where they are installed.
            options = ["--workers=2", "--log-level=warning", f"--host={HOST}", "--port={port}"]
            return [*python, "uvicorn", *options, app]
    raise ValueError(f"no server is called {server}")


def gunicorn(options: Sequence[str]) -> list[str]:
    """Gunicorn, quiet, and without the control socket that all its instances would share."""
    quiet = ["--log-level=warning", "--no-control-socket", f"--bind={HOST}:{{port}}"]
    return [sys.executable, "-m", "gunicorn", *quiet, *options]


def chosen(databases: Databases, stack: ExitStack, *, servers: Sequence[str]) -> list[Peer]:
    """Every peer on every server, each with a migrated database of its own where it needs one."""
    peers = []
    for server in servers:
        # Neighbours in a round are compared most: they follow one another.
        peers += [
            Peer(name, server, command(server, APPS[name]), THREADS[server])
            for name in (BARE, HELLO)
        ]
        peers.append(service(server, stack.enter_context(databases.new())))
        if server == GRANIAN:
            peers += fastapi(server, stack.enter_context(databases.new()))
    peers += fastapi(UVICORN, stack.enter_context(databases.new()))
    return [*peers, django(stack.enter_context(databases.new()))]


def service(server: str, url: str) -> Peer:
    """This service on a database, which is migrated here."""
    migrate(url)
    return Peer(
        SERVICE, server, command(server, APPS[SERVICE]), THREADS[server], {"DATABASE_URL": url}
    )


def fastapi(server: str, url: str) -> list[Peer]:
    """FastAPI's hello world, and the peer in FastAPI with its sequence on a database."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SEQUENCE tracking_numbers")
    return [
        Peer(name, server, command(server, APPS[name]), THREADS[server], {"DATABASE_URL": url})
        for name in (FASTAPI_HELLO, FASTAPI)
    ]


def django(url: str) -> Peer:
    """The peer in Django REST framework on a database, which is migrated here."""
    env = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "benchmarks.drf_peer.settings"}
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env=environment(**env),
        check=True,
        timeout=60,
    )
    # With threads the workers keep connections open; gunicorn's plain workers do not, and were
    # slower here. Four processes are what was asked of a peer with twice as many as ours.
    options = ["--worker-class=gthread", "--workers=4", "--threads=4"]
    app = "benchmarks.drf_peer.wsgi:app"
    return Peer(DRF, GUNICORN, [*gunicorn(options), app], "4 workers, 4 threads each", env)


@contextmanager
def running(peers: Sequence[Peer]) -> Iterator[list[tuple[Peer, Instance]]]:
    """All of them at once, side by side; they rest while another one is asked."""
    with ExitStack() as stack:
        yield [
            (peer, stack.enter_context(Instance(peer.env, command=peer.command))) for peer in peers
        ]
