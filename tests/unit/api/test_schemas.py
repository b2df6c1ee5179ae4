"""A whole request: from the bytes of a query to what is used of it, or to every fault of it."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tests.support.client import PARAMETERS
from tracking_service.api.query import read_query
from tracking_service.api.schemas import ShipmentRequest, ShipmentSchema, as_request
from tracking_service.numbering.format import Shipment

VALID = dict(PARAMETERS)
WRONG = {
    "origin_country_id": "XX",
    "destination_country_id": "id",
    "weight": "0",
    "created_at": "yesterday",
    "customer_id": "7",
    "customer_name": "\x07",
    "customer_slug": "RedBox",
    "series": "!",
}
NAMES = sorted(WRONG)


def read(parameters: dict[str, str], tail: str = "") -> ShipmentRequest:
    return read_query(urlencode(parameters) + tail)


def faults(query_string: str) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        read_query(query_string)
    messages: dict[str, list[str]] = refused.value.messages_dict
    return messages


def test_a_valid_request_keeps_what_is_used_of_it() -> None:
    assert read(VALID) == ShipmentRequest(Shipment("MY", "ID"), "default", "+08:00")


def test_a_series_may_be_named() -> None:
    assert read({**VALID, "series": "express-1"}).series == "express-1"


def test_a_raw_plus_is_read_as_one() -> None:
    query_string = urlencode(VALID, safe="+:")

    assert "+08:00" in query_string
    assert read_query(query_string).offset == "+08:00"


def test_unknown_parameters_are_ignored() -> None:
    assert read(VALID, "&colour=red&colour=blue&ORIGIN_COUNTRY_ID=XX&%FF=%FF") == read(VALID)


def test_an_empty_query_tells_that_all_seven_are_required() -> None:
    assert faults("") == {name: ["is required"] for name in VALID}


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_value_is_told_as_such(name: str) -> None:
    assert faults(urlencode({**VALID, name: ""})) == {name: ["must not be empty"]}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.just(VALID.get(name, "express"))
            | st.just(WRONG[name])
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
            for name in NAMES
        },
    )
)
def test_a_query_is_read_as_the_schema_alone_would_read_it(parameters: dict[str, str]) -> None:
    def outcome(read: Callable[[], ShipmentRequest]) -> object:
        try:
            return read()
        except ValidationError as error:
            return error.messages_dict

    alone = outcome(lambda: as_request(ShipmentSchema().load(parameters)))

    assert outcome(lambda: read_query(urlencode(parameters))) == alone


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.permutations(NAMES))
def test_every_fault_is_told_at_once_and_no_other(wrong: set[str], order: list[str]) -> None:
    parameters = {**VALID, "series": "default", **{name: WRONG[name] for name in wrong}}

    told = faults(urlencode({name: parameters[name] for name in order}))

    assert told.keys() == wrong
    assert all(len(messages) == 1 for messages in told.values())


def test_faults_of_the_query_and_of_the_rules_are_told_together() -> None:
    told = faults("weight=0&customer_name=%FF&customer_slug=a&customer_slug=a&series=%FF")

    assert told["weight"][0].startswith("must be kilograms")
    assert told["customer_name"] == told["series"] == ["must be UTF-8, percent-encoded"]
    assert told["customer_slug"] == ["must not be given more than once"]
    assert told["customer_id"] == ["is required"]
    assert told.keys() == VALID.keys() | {"series"}


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_given_twice_is_the_only_fault_of_a_request_that_is_else_valid(
    name: str,
) -> None:
    parameters = {**VALID, "series": "default"}
    query_string = urlencode([*parameters.items(), (name, parameters[name])])

    assert faults(query_string) == {name: ["must not be given more than once"]}


def test_faults_come_in_the_order_of_the_contract() -> None:
    query_string = urlencode(dict(reversed(WRONG.items())))

    assert list(faults(query_string)) == list(WRONG)


def test_what_is_good_of_a_request_at_fault_is_kept() -> None:
    with pytest.raises(ValidationError) as refused:
        read({**VALID, "weight": "0"}, "&series=a&series=a&customer_slug=%FF")

    valid = refused.value.valid_data
    assert isinstance(valid, dict)
    assert VALID.keys() - {"weight", "customer_slug"} == valid.keys()


def test_a_series_that_is_not_named_is_good() -> None:
    with pytest.raises(ValidationError) as refused:
        read({**VALID, "weight": "0"})

    assert isinstance(refused.value.valid_data, dict)
    assert "default" == refused.value.valid_data["series"]


@pytest.mark.parametrize("value", [None, 1, 1.5, True, b"1", ["1"], {}])
def test_the_schema_takes_texts_only(value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        ShipmentSchema().load({**VALID, "weight": value})

    assert refused.value.messages_dict == {"weight": ["must be a string"]}
