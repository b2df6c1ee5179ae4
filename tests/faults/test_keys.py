"""Keys over a fleet: revoked everywhere in time, and good while the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.client import number_path
from tests.support.fleet import Fleet
from tests.support.instance import Instance
from tests.support.postgres import PostgresServer
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.auth import new_token
from tracking_service.auth.keyring import LOOKUP_SECONDS
from tracking_service.store.api_keys import ApiKeyStore


@pytest.fixture
def keys(server: PostgresServer) -> Iterator[ApiKeyStore]:
    with Stores(server.url("tracking")) as stores:
        yield ApiKeyStore(stores.database)


@pytest.fixture
def fleet(server: PostgresServer) -> Iterator[Fleet]:
    with Fleet(server.url("tracking"), 2, TRACKING_AUTH="required") as started:
        yield started


def status(instance: Instance, token: str) -> int:
    return instance.get(number_path(), headers={"Authorization": f"Bearer {token}"}).status


def test_a_key_works_at_once_and_is_refused_everywhere_within_30_seconds(
    fleet: Fleet, keys: ApiKeyStore
) -> None:
    _, token = keys.create("shop", ["issue"])

    assert [200, 200] == [status(instance, token) for instance in fleet]

    keys.revoke("shop")
    revoked = time.monotonic()
    wait_until(
        lambda: {401} == {status(instance, token) for instance in fleet},
        seconds=30,
        what="the key to be refused",
        pause=0.1,
    )

    assert time.monotonic() - revoked < 30


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_while_the_database_is_away_known_keys_are_good_and_unknown_ones_503(
    server: PostgresServer, fleet: Fleet, keys: ApiKeyStore, how: str
) -> None:
    _, known = keys.create("known", ["issue"])
    instance = fleet[0]

    assert 200 == status(instance, known)

    begin: Callable[[], object] = server.stop if how == "stopped" else server.pause
    end: Callable[[], object] = server.start if how == "stopped" else server.resume
    begin()
    for _ in range(20):
        began = time.monotonic()
        response = instance.get(number_path(), headers={"Authorization": f"Bearer {new_token()}"})

        assert (503, "1") == (response.status, response.headers["Retry-After"])
        assert "/problems/keys-unavailable" == response.json()["type"]
        # A thread is not held for longer than a look-up may take.
        assert time.monotonic() - began < LOOKUP_SECONDS + 1
        assert 200 == status(instance, known)
    end()
    _, late = keys.create("late", ["issue"])
    wrong = new_token()

    wait_until(lambda: status(instance, late) == 200, seconds=30, what="the late key", pause=0.1)
    wait_until(lambda: status(instance, wrong) == 401, seconds=30, what="a refusal", pause=0.1)
    assert "tn_" not in fleet.log()
