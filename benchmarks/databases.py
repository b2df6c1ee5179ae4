"""The PostgreSQL that is measured on: one of our own for each run, or that of BENCH_DATABASE_URL.

It is the real server that the tests use, here with its commits on disk before they are answered,
as PostgreSQL ships: a benchmark of one that forgets would flatter everything that writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.databases import DatabaseServer
from tests.support.postgres import PostgresServer

DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Databases:
    """A server on which each peer gets a database of its own, and what it is called in results."""

    server: DatabaseServer
    description: str

    @contextmanager
    def new(self) -> Iterator[str]:
        """The URL of an empty database, dropped afterwards."""
        name = self.server.create_database()
        try:
            yield self.server.url(name)
        finally:
            self.server.drop_database(name)


@contextmanager
def databases(url: str | None, *, durable: bool = True) -> Iterator[Databases]:
    """A server that is there for the time of the block."""
    if url is not None:
        server = DatabaseServer(url)
        yield Databases(server, f"PostgreSQL {_version(server)}, not ours to configure")
        return
    with PostgresServer.create(DURABLE if durable else {}) as own:
        commits = "commits reach the disk" if durable else "commits do not reach the disk"
        yield Databases(own, f"PostgreSQL {_version(own)} on the same machine, {commits}")


def _version(server: DatabaseServer) -> str:
    [(version,)] = server.execute("SHOW server_version")
    return str(version).split()[0]
