"""What `make soak` breaks: a service of three instances on one database, and the ways to break it.

Each fault begins, lasts for a moment, and has ended when its function returns; what it takes the
instances to get over it, the next fault does not wait for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg

from tests.support.commands import migrate
from tests.support.fleet import Fleet
from tests.support.instance import Instance
from tests.support.lifetime import Lifetime
from tests.support.load import Load
from tests.support.oracle import History
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

INSTANCES = 3
RATE = 300.0
# How long a fault lasts that has a length.
LEAST_SECONDS, MOST_SECONDS = 0.5, 4.0


class Service(Lifetime):
    """The instances reach whichever server is the primary through a proxy."""

    def __init__(self, application: str) -> None:
        self._ending = ExitStack()
        try:
            self.server = self._ending.enter_context(PostgresServer.create())
            self.server.create_database("tracking")
            migrate(self.server.url("tracking"))
            # Small, so that it is leased a block at a time, and often.
            self.server.execute(
                "UPDATE series SET block_size = 100, end_serial = 9900000, failover_skip = 9900",
                database="tracking",
            )
            self.proxy = self._ending.enter_context(Proxy(self.server.port))
            through = self.url.replace(f":{self.server.port}/", f":{self.proxy.port}/")
            settings = {"FLASK_APP": application, "TRACKING_DATABASE_TIMEOUT_SECONDS": "1"}
            self.fleet = self._ending.enter_context(Fleet(through, INSTANCES, **settings))
        except BaseException:
            self._ending.close()
            raise
        self.history = History()

    @property
    def url(self) -> str:
        """That of the primary, without the proxy."""
        return self.server.url("tracking")

    def load(self) -> Load:
        return Load(
            self.fleet.addresses, clients=6, rate=RATE, at_most=86_400, history=self.history
        )

    def go_on(self, choice: random.Random) -> None:
        """Let a fault last for a random moment, while the clients ask on."""
        end = time.monotonic() + choice.uniform(LEAST_SECONDS, MOST_SECONDS)
        wait_until(lambda: time.monotonic() >= end, seconds=30, what="the end", pause=0.05)

    def fail_over(self) -> None:
        """Lose the primary and the last leases, and go on with its standby."""
        standby = self._ending.enter_context(self.server.base_backup())
        standby.stop_receiving()
        before = self._leases()
        wait_until(
            lambda: self._leases() >= before + 3, seconds=30, what="leases that will be forgotten"
        )
        self.server.kill()
        standby.promote()
        self.server, former = standby, self.server
        self.proxy.upstream = standby.port
        former.close()

    def _leases(self) -> int:
        [(count,)] = self.server.execute("SELECT lease_count FROM series", database="tracking")
        return int(count)

    def close(self) -> None:
        self._ending.close()


def kill_an_instance(service: Service, choice: random.Random) -> None:
    _end_and_start(service, choice, Instance.kill)


def stop_an_instance(service: Service, choice: random.Random) -> None:
    _end_and_start(service, choice, Instance.terminate)


def _end_and_start(
    service: Service, choice: random.Random, end: Callable[[Instance], object]
) -> None:
    instance = choice.choice(service.fleet.instances)
    end(instance)
    instance.start()


def freeze_an_instance(service: Service, choice: random.Random) -> None:
    instance = choice.choice(service.fleet.instances)
    instance.pause()
    service.go_on(choice)
    instance.resume()


def stop_the_database(service: Service, choice: random.Random) -> None:
    service.server.stop("immediate")
    service.go_on(choice)
    service.server.start()


def freeze_the_database(service: Service, choice: random.Random) -> None:
    service.server.pause()
    service.go_on(choice)
    service.server.resume()


def swallow_the_network(service: Service, choice: random.Random) -> None:
    service.proxy.swallow()
    service.go_on(choice)
    service.proxy.forward()


def lose_the_answer_to_a_commit(service: Service, choice: random.Random) -> None:
    lost = service.proxy.losses
    service.proxy.lose(b"COMMIT\0", "answer")
    wait_until(lambda: service.proxy.losses > lost, seconds=30, what="a commit", pause=0.05)
    service.go_on(choice)


def end_the_servers_side(service: Service, choice: random.Random) -> None:
    for _ in range(choice.randrange(1, 5)):
        service.server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tracking-service'"
        )
        service.go_on(choice)


def take_every_connection(service: Service, choice: random.Random) -> None:
    with ExitStack() as taken:
        while True:
            try:
                taken.enter_context(psycopg.connect(service.url))
            except psycopg.OperationalError:
                break
        service.go_on(choice)


def fail_over(service: Service, choice: random.Random) -> None:
    service.fail_over()
    service.go_on(choice)


FAULTS = [
    kill_an_instance,
    stop_an_instance,
    freeze_an_instance,
    stop_the_database,
    freeze_the_database,
    swallow_the_network,
    lose_the_answer_to_a_commit,
    end_the_servers_side,
    take_every_connection,
    fail_over,
]
