"""Requests for batches: what a body and an idempotency key may say, and every fault of both."""

import json
from typing import Any

import pytest
from marshmallow import ValidationError

from tests.support.client import PARAMETERS
from tracking_service.api.batches import BatchRequest, read_request
from tracking_service.numbering import Shipment

BODY: dict[str, Any] = {**PARAMETERS, "count": 3}


def read(**changed: Any) -> BatchRequest:
    return read_request(json.dumps(BODY | changed).encode())


def written(name: str, value: str) -> bytes:
    """A body in which this field's value is written as it stands."""
    return json.dumps(BODY | {name: "HERE"}).replace('"HERE"', value).encode()


def faults(body: bytes, key: str | None = None) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        read_request(body, key)
    found: dict[str, list[str]] = caught.value.messages_dict
    return found


def test_a_body_says_the_shipment_the_series_and_the_count() -> None:
    asked = read(series="returns")

    assert Shipment("MY", "ID") == asked.shipment.shipment
    assert "returns" == asked.shipment.series
    assert "+08:00" == asked.shipment.offset
    assert 3 == asked.count


@pytest.mark.parametrize("weight", ["1.234", 1.234, 5, 99999.999])
def test_a_weight_may_be_a_json_number(weight: Any) -> None:
    assert 3 == read(weight=weight).count


@pytest.mark.parametrize("weight", ["1e1", "1E+4", "12.5e-1", "100000e-1"])
def test_a_weight_is_the_same_however_json_writes_it(weight: str) -> None:
    assert 3 == read_request(written("weight", weight)).count


@pytest.mark.parametrize("weight", ["1.2300", "1.23000000", "123e-2", "0.00123E+3", '"1.23"'])
def test_a_weight_is_a_json_number_by_its_value(weight: str) -> None:
    expected = read(weight=1.23).fingerprint

    assert expected == read_request(written("weight", weight)).fingerprint


@pytest.mark.parametrize("weight", ["1.2341", "1.23400000000000000000000000000000001", "1e-4"])
def test_a_weight_with_more_than_three_decimals_is_refused_whatever_its_length(weight: str) -> None:
    assert {"weight"} == set(faults(written("weight", weight)))


@pytest.mark.parametrize("weight", [0, -1, 100000, 1.2345, 0.0001, "heavy"])
def test_a_weight_that_breaks_the_rule_is_refused(weight: Any) -> None:
    expected = {
        "weight": [
            "must be kilograms above 0 and below 100000 with at most three decimals, such as 1.234"
        ]
    }

    assert expected == faults(json.dumps(BODY | {"weight": weight}).encode())


@pytest.mark.parametrize("weight", [True, None, [1], {}, {"1": 1}, float("nan"), float("inf")])
def test_what_is_neither_text_nor_number_is_no_weight(weight: Any) -> None:
    expected = {"weight": ["must be a string or a number"]}

    assert expected == faults(json.dumps(BODY | {"weight": weight}).encode())


OUT_OF_BOUNDS = [
    "1e9999999999999999999999",
    "-1e9999999999999999999999",
    "1e-9999999999999999999999",
    "0e9999999999999999999999",
    "1e" + "9" * 60_000,
    "1e999999999999999999",
    "1E-999999999",
    "9" * 5_000,
    "-" + "9" * 60_000,
]


@pytest.mark.timeout(5)
@pytest.mark.parametrize("number", OUT_OF_BOUNDS, ids=lambda number: number[:25])
@pytest.mark.parametrize("name", ["weight", "count"])
def test_a_number_out_of_all_bounds_is_a_fault_of_its_parameter(name: str, number: str) -> None:
    found = faults(written(name, number))

    assert [name] == list(found)
    assert found[name][0].startswith("must be ")
    assert len(found[name][0]) < 100


@pytest.mark.parametrize("number", OUT_OF_BOUNDS, ids=lambda number: number[:25])
def test_a_number_that_is_ignored_may_be_any(number: str) -> None:
    assert read() == read_request(written("unknown", number))


@pytest.mark.parametrize("count", [1, 100_000])
def test_the_count_is_from_1_to_100000(count: int) -> None:
    assert count == read(count=count).count


@pytest.mark.parametrize("count", ["3.0", "3.00", "0.3e1", "3E+0"])
def test_a_count_is_the_same_however_json_writes_it(count: str) -> None:
    body = json.dumps(BODY | {"count": 3})

    assert read() == read_request(body.replace('"count": 3', f'"count": {count}').encode())


@pytest.mark.timeout(5)
@pytest.mark.parametrize("count", ["1E+999999999", "-1E+999999999", "1E-999999999"])
def test_a_count_of_a_billion_digits_is_refused_at_once(count: str) -> None:
    assert "count" in faults(b'{"count": ' + count.encode() + b"}")


@pytest.mark.parametrize("count", [0, -1, 100_001, "3", 3.5, 1e9, -1.0, True, None, []])
def test_any_other_count_is_refused(count: Any) -> None:
    expected = {"count": ["must be a whole number from 1 to 100000"]}

    assert expected == faults(json.dumps(BODY | {"count": count}).encode())


def test_every_fault_is_told_at_once() -> None:
    found = faults(b'{"count": 0, "origin_country_id": 5}')

    assert set(BODY) == set(found)
    assert ["is required"] == found["customer_slug"]


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xef\xbb\xbf" * 2, "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"{} {}", "the body is not JSON: Extra data: line 1 column 4 (char 3)"),
        (b"[]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
        (b"9" * 5_000, "the body must be a JSON object"),
        (b"\xff\xfe", "the body is not UTF-8"),
        (b'{"customer_name": "\xed\xa0\x80"}', "the body is not UTF-8"),
        ("{}".encode("utf-16"), "the body is not UTF-8"),
        (b"[" * 50_000, "the body is nested too deeply"),
        (b'{"a":' * 10_000, "the body is nested too deeply"),
    ],
)
def test_what_is_not_one_json_object_is_a_fault_of_the_body(body: bytes, message: str) -> None:
    assert {"": [message]} == faults(body)


def test_a_byte_order_mark_is_ignored() -> None:
    assert read() == read_request(b"\xef\xbb\xbf" + json.dumps(BODY).encode())


@pytest.mark.parametrize("name", [*BODY, "series"])
def test_a_lone_surrogate_is_a_fault_of_its_parameter(name: str) -> None:
    assert [name] == list(faults(written(name, r'"\ud800"')))


@pytest.mark.parametrize("name", [*BODY, "series"])
def test_a_known_name_that_is_given_twice_is_a_fault_of_its_parameter(name: str) -> None:
    value = json.dumps((BODY | {"series": "default"})[name])
    twice = written(name, f'{value}, "{name}": {value}')

    assert {name: ["must not be given more than once"]} == faults(twice)


def test_a_name_that_is_given_twice_hides_no_other_fault() -> None:
    found = faults(written("weight", '0, "weight": 1, "customer_slug": "A"').replace(b"MY", b"X"))

    assert {"origin_country_id", "weight", "customer_slug"} == set(found)


def test_what_is_ignored_may_be_given_twice() -> None:
    assert read() == read_request(written("x", '1, "x": 2, "y": {"count": 1, "count": 2}'))


def test_the_fingerprint_is_of_what_is_said_not_of_how() -> None:
    laid_out = json.dumps(dict(reversed(BODY.items())), indent=4).encode()

    assert read().fingerprint == read_request(laid_out).fingerprint
    assert read().fingerprint == read(series="default").fingerprint
    assert read().fingerprint == read(unknown="ignored").fingerprint


@pytest.mark.parametrize(
    "changed",
    [{"count": 4}, {"series": "returns"}, {"customer_name": "Other"}, {"weight": "1.235"}],
)
def test_another_request_has_another_fingerprint(changed: dict[str, Any]) -> None:
    assert read().fingerprint != read(**changed).fingerprint


@pytest.mark.parametrize("key", [None, "a", "x" * 255, "de619854-b59b-425e-9db4-943979e1bd49"])
def test_a_key_is_up_to_255_printable_characters(key: str | None) -> None:
    assert key == read_request(json.dumps(BODY).encode(), key).key


NO_KEY = {"Idempotency-Key": ["must be 1 to 255 printable ASCII characters without spaces"]}


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\x00"])
def test_any_other_key_is_refused(key: str) -> None:
    assert NO_KEY == faults(json.dumps(BODY).encode(), key)


@pytest.mark.parametrize("body, name", [(b"{", ""), (written("count", "0"), "count")])
def test_the_faults_of_the_key_and_of_the_body_are_told_together(body: bytes, name: str) -> None:
    found = faults(body, "a b")

    assert {"Idempotency-Key", name} == set(found)
    assert NO_KEY["Idempotency-Key"] == found["Idempotency-Key"]


def test_what_is_good_of_a_request_at_fault_is_kept() -> None:
    with pytest.raises(ValidationError) as caught:
        read_request(written("count", "0").replace(b'"ID"', b'"XX"'), "a b")

    valid = caught.value.valid_data
    assert isinstance(valid, dict)
    assert {*BODY, "series"} - {"count", "destination_country_id"} == set(valid)
    assert ("MY", "default") == (valid["origin_country_id"], valid["series"])
