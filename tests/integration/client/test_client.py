"""The client against the service itself: every call, sync and async, over real connections."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.client import PARAMETERS
from tests.support.commands import flask
from tests.support.fleet import Fleet
from tests.support.ledger import Ledger
from tests.support.oracle import duplicates
from tests.support.waiting import wait_until
from tracking_service.client import (
    AsyncClient,
    BadRequest,
    Client,
    Forbidden,
    IdempotencyKeyReused,
    InvalidNumber,
    Shipment,
    Unauthorized,
    UnknownNumber,
    correlate,
)

SHIPMENT = Shipment(**PARAMETERS)
OTHER = Shipment(**{**PARAMETERS, "weight": "2"})


@pytest.fixture
def fleet(migrated_postgres_url: str) -> Iterator[Fleet]:
    with Fleet(migrated_postgres_url, 2, TRACKING_ACCESS_LOG="on") as fleet:
        yield fleet


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    with Client([instance.url for instance in fleet]) as client:
        yield client


def test_a_number_is_issued_and_verified(client: Client) -> None:
    issued = client.next(SHIPMENT)
    known = client.verify(f" {issued.tracking_number.lower()} ")

    assert issued.tracking_number == known.tracking_number
    assert ("default", "MY", "ID", "issued") == (
        known.series,
        known.origin_country_id,
        known.destination_country_id,
        known.status,
    )
    assert issued.created_at >= known.leased_at


def test_a_batch_is_the_same_for_its_key_on_any_instance(fleet: Fleet) -> None:
    with Client(fleet[0].url) as one, Client(fleet[1].url) as other:
        batch = one.batch(SHIPMENT, 100)
        again = other.batch(SHIPMENT, 100, idempotency_key=batch.idempotency_key)
        single = one.next(SHIPMENT, idempotency_key="order-1")
        same = other.next(SHIPMENT, idempotency_key="order-1")
        with pytest.raises(IdempotencyKeyReused):
            other.next(OTHER, idempotency_key="order-1")

    assert batch == again
    assert single == same


def test_a_key_of_a_number_is_none_of_a_batch(client: Client) -> None:
    client.next(SHIPMENT, idempotency_key="order-1")
    with pytest.raises(IdempotencyKeyReused):
        client.batch(SHIPMENT, 1, idempotency_key="order-1")


def test_a_barcode_is_drawn_for_a_number_and_for_none_that_is_none(client: Client) -> None:
    number = client.next(SHIPMENT).tracking_number
    with pytest.raises(InvalidNumber) as refused:
        client.barcode("MYID")
    svg = client.barcode(f" {number.lower()} ")

    assert svg.startswith("<svg ")
    assert f">{number}</text>" in svg
    assert ["number"] == list(refused.value.errors)


def test_faults_are_told_by_parameter(client: Client) -> None:
    wrong = Shipment(**{**PARAMETERS, "weight": "0", "customer_slug": "Not A Slug"})
    with pytest.raises(BadRequest) as found:
        client.batch(wrong, 0, series="none")

    assert {"weight", "customer_slug", "count", "series"} == set(found.value.errors)


def test_a_number_that_is_none_is_refused(client: Client) -> None:
    number = client.next(SHIPMENT).tracking_number
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    with pytest.raises(InvalidNumber):
        client.verify(wrong)


def test_a_number_that_was_not_issued_is_unknown(
    client: Client, migrated_postgres_url: str
) -> None:
    batch = client.batch(SHIPMENT, 1)
    with psycopg.connect(migrated_postgres_url) as connection:
        connection.execute("DELETE FROM block")
    with pytest.raises(UnknownNumber):
        client.verify(batch.tracking_numbers[0])


def test_an_instance_that_is_killed_is_not_noticed(fleet: Fleet, client: Client) -> None:
    numbers = []
    for victim in fleet:
        numbers += [client.next(SHIPMENT).tracking_number for _ in range(20)]
        victim.kill()
        numbers += [client.next(SHIPMENT).tracking_number for _ in range(20)]
        numbers += client.batch(SHIPMENT, 20).tracking_numbers
        victim.start()

    assert {} == duplicates(numbers)


def test_the_ids_of_the_caller_are_in_the_services_log(fleet: Fleet) -> None:
    with Client(fleet[0].url) as client, correlate(request_id="order-4711"):
        client.next(SHIPMENT)

    # Its log is written by a thread of its own.
    wait_until(lambda: "request_id=order-4711" in fleet[0].log(), seconds=10, what="a log line")


def test_an_async_client_makes_the_same_calls(fleet: Fleet, migrated_postgres_url: str) -> None:
    async def call() -> list[str]:
        async with AsyncClient([instance.url for instance in fleet]) as client:
            issued = await asyncio.gather(*(client.next(SHIPMENT) for _ in range(50)))
            batch = await client.batch(SHIPMENT, 50)
            known = await client.verify(batch.tracking_numbers[0])
            assert "<svg " in await client.barcode(known.tracking_number)
            with pytest.raises(InvalidNumber):
                await client.verify("MYID")
            return [known.series, *(n.tracking_number for n in issued), *batch.tracking_numbers]

    series, *numbers = asyncio.run(call())

    assert "default" == series
    assert {} == duplicates(numbers)
    assert [] == Ledger.read(migrated_postgres_url).unrecorded(numbers)


def test_a_key_is_needed_where_the_service_says_so(migrated_postgres_url: str) -> None:
    env = {"DATABASE_URL": migrated_postgres_url}
    created = flask("keys", "create", "shop", "--scope", "issue", env=env)
    token = re.search(r"tn_\S+", created.stdout)
    assert token is not None
    with Fleet(migrated_postgres_url, 1, TRACKING_AUTH="required") as fleet:
        with Client(fleet[0].url) as client, pytest.raises(Unauthorized):
            client.next(SHIPMENT)
        with Client(fleet[0].url, token=token[0]) as client:
            number = client.next(SHIPMENT).tracking_number
            with pytest.raises(Forbidden) as found:
                client.verify(number)

    assert token[0] not in str(found.value)
