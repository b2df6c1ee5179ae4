"""Three ways in which a database is away, and the two instances that must not mind.

Stopped, it refuses connections; frozen, it accepts them and says nothing; behind a black hole, the
network swallows all that is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.support.fleet import Fleet
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy

# Seconds; what hangs is given up well within an outage.
TIMEOUT = "1"

# How to begin it, and how to end it.
Switch = tuple[Callable[[], None], Callable[[], None]]
Outage = Callable[[PostgresServer, Proxy], Switch]


def stopped(server: PostgresServer, _proxy: Proxy) -> Switch:
    return lambda: server.stop("immediate"), server.start


def frozen(server: PostgresServer, _proxy: Proxy) -> Switch:
    return server.pause, server.resume


def black_hole(_server: PostgresServer, proxy: Proxy) -> Switch:
    return proxy.swallow, proxy.forward


WAYS: Mapping[str, Outage] = {way.__name__: way for way in (stopped, frozen, black_hole)}
OUTAGES = [pytest.param(way, id=name) for name, way in WAYS.items()]


def reached_through(proxy: Proxy, server: PostgresServer) -> str:
    """The URL of the server's database by way of the proxy."""
    return server.url("tracking").replace(f":{server.port}/", f":{proxy.port}/")


@contextmanager
def services(server: PostgresServer, **settings: str) -> Iterator[tuple[Fleet, Proxy]]:
    """Two instances that reach the server through a proxy."""
    with Proxy(server.port) as proxy:
        settings = {"TRACKING_DATABASE_TIMEOUT_SECONDS": TIMEOUT, **settings}
        with Fleet(reached_through(proxy, server), 2, **settings) as fleet:
            yield fleet, proxy
