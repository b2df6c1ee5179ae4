"""A request for one number with an idempotency key: its fingerprint, and every fault of both."""

import json

import pytest
from marshmallow import ValidationError

from tests.support.client import PARAMETERS
from tracking_service.api.batches import read_request
from tracking_service.api.query import read_keyed_query, read_query

QUERY = (
    "origin_country_id=MY&destination_country_id=ID&weight=1.234"
    "&created_at=2024-01-01T12:00:00%2B08:00&customer_id=de619854-b59b-425e-9db4-943979e1bd49"
    "&customer_name=RedBox%20Logistics&customer_slug=redbox-logistics"
)


def fingerprint(query: str) -> str:
    return read_keyed_query(query, "order-1")[1]


def faults(query: str, key: str) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        read_keyed_query(query, key)
    found: dict[str, list[str]] = caught.value.messages_dict
    return found


def test_the_request_is_the_one_without_a_key() -> None:
    assert read_query(QUERY) == read_keyed_query(QUERY, "order-1")[0]


@pytest.mark.parametrize(
    "query",
    [
        QUERY.replace("%2B", "+"),
        QUERY.replace("%20", "+"),
        QUERY.replace("RedBox", "%52edBox"),
        QUERY + "&series=default",
        QUERY + "&unknown=1&unknown=2",
        "&".join(reversed(QUERY.split("&"))),
    ],
)
def test_a_request_is_the_same_however_it_is_written(query: str) -> None:
    assert fingerprint(QUERY) == fingerprint(query)


@pytest.mark.parametrize("name", PARAMETERS)
def test_another_value_of_any_parameter_is_another_request(name: str) -> None:
    others = {
        "origin_country_id": "SG",
        "destination_country_id": "SG",
        "weight": "1.235",
        "created_at": "2024-01-01T12:00:01Z",
        "customer_id": "de619854-b59b-425e-9db4-943979e1bd40",
        "customer_name": "RedBox",
        "customer_slug": "redbox",
    }
    fields = [field for field in QUERY.split("&") if not field.startswith(f"{name}=")]

    assert fingerprint(QUERY) != fingerprint("&".join([*fields, f"{name}={others[name]}"]))


def test_another_series_is_another_request() -> None:
    assert fingerprint(QUERY) != fingerprint(QUERY + "&series=returns")


def test_a_batch_of_one_is_another_request() -> None:
    body = {**PARAMETERS, "count": 1}

    assert read_request(json.dumps(body).encode()).fingerprint != fingerprint(QUERY)


@pytest.mark.parametrize("key", ["", " ", "a b", "\x7f", "caf\xe9", "a" * 256])
def test_a_key_that_is_none_is_told_with_the_other_faults(key: str) -> None:
    assert ["Idempotency-Key"] == list(faults(QUERY, key))
    assert {"Idempotency-Key", "weight"} == set(faults(QUERY + "&weight=1", key))


@pytest.mark.parametrize("key", ["a", "~" * 255, "!\"#$%&'()*+,-./"])
def test_a_key_is_up_to_255_printable_characters(key: str) -> None:
    assert fingerprint(QUERY) == read_keyed_query(QUERY, key)[1]
