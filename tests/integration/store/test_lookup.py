"""Looking blocks up: one descent of an index, however many blocks there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from tests.support.plans import assert_descends
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.store.models import BlockRow

SERIES = "small"
ROWS = 12_000
"""Blocks of each of two series."""


@pytest.fixture
def crowded(stores: Stores) -> Stores:
    """Two series with many blocks, and what the database wants to know of them."""
    ids = [
        stores.rows("SELECT id FROM series WHERE name = :n", n=stores.create(name).name)[0][0]
        for name in ("one", "two")
    ]
    moment = datetime.now(UTC)
    with stores.database.transaction(write=True) as connection:
        connection.execute(
            insert(BlockRow),
            [
                {
                    "series_id": series_id,
                    "start": 10 * index,
                    "end": 10 * index + 10,
                    "state": "spent",
                    "instance": "host:1:aaaa",
                    "leased_at": moment,
                }
                for index in range(ROWS)
                for series_id in ids
            ],
        )
    stores.change("ANALYZE")
    return stores


def test_a_block_is_found_by_one_descent_of_an_index(crowded: Stores) -> None:
    assert_descends(
        crowded,
        lambda: crowded.blocks.holding("two", 10 * ROWS // 2 + 3),
        index="block.uq_block_series_id_start",
        times=1,
    )


def test_the_block_of_a_serial_holds_it(crowded: Stores) -> None:
    last = 10 * ROWS - 1
    found = [crowded.blocks.holding("two", serial) for serial in (0, 9, 10, last)]

    assert [("two", 0, 10), ("two", 0, 10), ("two", 10, 20), ("two", last - 9, last + 1)] == [
        (block.series, block.start, block.end) for block in found if block is not None
    ]


def test_what_no_block_holds_is_none(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)

    assert stores.blocks.holding(SERIES, 10) is None
    assert stores.blocks.holding("nothing", 0) is None
    assert stores.blocks.holding("default", 0) is None
    assert stores.blocks.by_id(10**9) is None


def test_the_latest_come_first_and_can_be_narrowed(stores: Stores) -> None:
    stores.create("other", number_space="other")
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    for store, series in ((first, SERIES), (second, SERIES), (first, "other"), (first, SERIES)):
        store.lease(series, 1)

    def starts(**narrowed: Any) -> list[tuple[str, int]]:
        return [(b.series, b.start) for b in stores.blocks.latest(**{"limit": 9, **narrowed})]

    assert [(SERIES, 20), ("other", 0), (SERIES, 10), (SERIES, 0)] == starts()
    assert [(SERIES, 20), ("other", 0)] == starts(limit=2)
    assert [(SERIES, 20), (SERIES, 10), (SERIES, 0)] == starts(series=SERIES)
    assert [(SERIES, 10)] == starts(instance="host:2:bbbb")
    assert [(SERIES, 20), (SERIES, 0)] == starts(series=SERIES, instance="host:1:aaaa")


def test_how_far_a_block_was_spent_is_told_where_it_is_known(stores: Stores) -> None:
    store = stores.store()
    for _ in range(3):
        store.lease(SERIES, 1)
    store.hand_back(SERIES, [Block(4, 10), Block(10, 20)])
    stores.store("host:2:bbbb").skip_to(SERIES, by=5)
    ends = {
        (block.start, block.state): block.spent_end
        for block in stores.blocks.latest(series=SERIES, limit=9)
    }

    assert {(0, "spent"): 4, (20, "spent"): 30} == {
        key: end for key, end in ends.items() if key[1] == "spent"
    }
    assert {None} == {end for (_, state), end in ends.items() if state == "skipped"}
