"""Requests for batches: what a body may say, and how the numbers are laid out."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from tracking_service.allocation import Block
from tracking_service.api.batches import (
    RENDERINGS,
    BatchRequest,
    as_csv,
    as_json,
    as_ndjson,
    read_body,
    read_key,
    render,
)
from tracking_service.batches import CHUNK, Batch
from tracking_service.numbering import Shipment
from tracking_service.numbering.routed import Routed

BODY = {
    "origin_country_id": "MY",
    "destination_country_id": "ID",
    "weight": "1.234",
    "created_at": "2018-11-20T19:29:32+08:00",
    "customer_id": "de619854-b59b-425e-9db4-943979e1bd49",
    "customer_name": "RedBox Logistics",
    "customer_slug": "redbox-logistics",
    "count": 3,
}
FORMAT = Routed(bytes(32))
SHIPMENT = Shipment("MY", "ID")


def read(**changed: Any) -> BatchRequest:
    return read_body(json.dumps(BODY | changed).encode())


def faults(body: bytes) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        read_body(body)
    found: dict[str, list[str]] = caught.value.messages_dict
    return found


def test_a_body_says_the_shipment_the_series_and_the_count() -> None:
    asked = read(series="returns")

    assert SHIPMENT == asked.shipment.shipment
    assert "returns" == asked.shipment.series
    assert "+08:00" == asked.shipment.offset
    assert 3 == asked.count


@pytest.mark.parametrize("weight", ["1.234", 1.234, 5, 99999.999])
def test_a_weight_may_be_a_json_number(weight: Any) -> None:
    assert 3 == read(weight=weight).count


@pytest.mark.parametrize("weight", [True, None, 0, -1, 100000, 1.2345, [1], {}])
def test_a_weight_that_breaks_the_rule_is_refused(weight: Any) -> None:
    assert ["weight"] == list(faults(json.dumps(BODY | {"weight": weight}).encode()))


@pytest.mark.parametrize("count", [1, 100_000])
def test_the_count_is_from_1_to_100000(count: int) -> None:
    assert count == read(count=count).count


@pytest.mark.parametrize("count", ["3.0", "3.00", "0.3e1", "3E+0"])
def test_a_count_is_the_same_however_json_writes_it(count: str) -> None:
    body = json.dumps(BODY | {"count": 3})

    assert read() == read_body(body.replace('"count": 3', f'"count": {count}').encode())


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
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"count": 1, "count": 2}',
        b"[" * 50_000,
        b'{"count": NaN}',
    ],
)
def test_what_is_not_one_json_object_is_a_fault_of_the_body(body: bytes) -> None:
    found = faults(body)

    assert "" in found or "count" in found


def test_the_fingerprint_is_of_what_is_said_not_of_how() -> None:
    laid_out = json.dumps(dict(reversed(BODY.items())), indent=4).encode()

    assert read().fingerprint == read_body(laid_out).fingerprint
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
    assert key == read_key(key)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "a\x00"])
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        read_key(key)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_every_rendering_holds_each_number_once_and_in_order(sizes: list[int]) -> None:
    blocks = tuple(Block(1000 * at, 1000 * at + size) for at, size in enumerate(sizes))
    batch = Batch(FORMAT, SHIPMENT, blocks, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    expected = [
        FORMAT.encode(serial, SHIPMENT)
        for block in blocks
        for serial in range(block.start, block.end)
    ]
    moment = "2026-01-02T11:04:05+08:00"

    whole = json.loads(b"".join(as_json(batch, "+08:00")))
    assert {"tracking_numbers": expected, "created_at": moment, "count": len(expected)} == whole
    lines = b"".join(as_ndjson(batch, "+08:00")).splitlines()
    assert [{"tracking_number": each, "created_at": moment} for each in expected] == [
        json.loads(line) for line in lines
    ]
    rows = list(csv.DictReader(io.StringIO(b"".join(as_csv(batch, "+08:00")).decode())))
    assert [{"tracking_number": each, "created_at": moment} for each in expected] == rows


def test_a_large_batch_is_written_in_chunks() -> None:
    batch = Batch(FORMAT, SHIPMENT, (Block(0, 2 * CHUNK + 5),), datetime.now(UTC))

    assert [CHUNK, CHUNK, 5] == [len(chunk) // FORMAT.width for chunk in batch.chunks()]
    assert 2 * CHUNK + 5 == len(json.loads(b"".join(as_json(batch, "Z")))["tracking_numbers"])


@pytest.mark.parametrize("media_type", RENDERINGS)
def test_a_small_batch_is_one_piece_wherever_its_serials_come_from(media_type: str) -> None:
    small = (Block(0, CHUNK - 7), Block(90_000, 90_007))
    large = (*small, Block(95_000, 95_001))

    def written(blocks: tuple[Block, ...]) -> object:
        return render(Batch(FORMAT, SHIPMENT, blocks, datetime.now(UTC)), media_type, "Z")

    assert isinstance(written(small), bytes)
    assert isinstance(written(large), Iterator)
