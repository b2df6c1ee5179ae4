"""How the numbers of a batch are laid out."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.allocation import Block
from tracking_service.api.batches import RENDERINGS, as_csv, as_json, as_ndjson, render
from tracking_service.numbering import Format, Shipment
from tracking_service.numbering.builtin import ROUTED
from tracking_service.services.issue_batch import CHUNK, Batch

FORMAT = Format(ROUTED, bytes(32))
SHIPMENT = Shipment("MY", "ID")


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
