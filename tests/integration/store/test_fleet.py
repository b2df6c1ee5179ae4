"""What is read of the fleet: a bounded number of rows, by indexes, with many blocks and series too."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from benchmarks.many_rows import add_series
from tests.support.plans import statements
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.store.fleet import BLOCKS, SERIES, FleetReader
from tracking_service.store.models import BlockRow

ROWS = 12_000
MANY_SERIES = 3_000
BEGUN = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def crowded(stores: Stores) -> Stores:
    """Many series, and one with many blocks, each of another instance but for those of the first."""
    add_series(stores.database, MANY_SERIES, patterns=False)
    ((series_id,),) = stores.rows("SELECT id FROM series WHERE name = 'many-00042'")
    with stores.database.transaction(write=True) as connection:
        connection.execute(
            insert(BlockRow),
            [
                {
                    "series_id": series_id,
                    "start": 10 * index,
                    "end": 10 * index + 10,
                    "state": "leased",
                    "instance": f"host:{index % 3000}:aaaa",
                    "leased_at": BEGUN + timedelta(seconds=index),
                }
                for index in range(ROWS)
            ],
        )
    stores.change("ANALYZE")
    return stores


def rows_read(stores: Stores, statement: str, parameters: Any) -> float:
    """How many rows PostgreSQL reads for a statement."""
    with stores.database.transaction() as connection:
        explained = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        ).scalar_one()
    plan = explained if isinstance(explained, list) else json.loads(explained)
    return read_by(plan[0]["Plan"])


def read_by(node: dict[str, Any]) -> float:
    scanned = node["Actual Rows"] * node["Actual Loops"] if "Relation Name" in node else 0
    scanned += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
    return float(scanned + sum(map(read_by, node.get("Plans", ()))))


def test_the_newest_blocks_and_their_series_come_first(crowded: Stores) -> None:
    record = FleetReader(crowded.database).read()

    assert BLOCKS == len(record.blocks)
    assert 10 * (ROWS - 1) == record.blocks[0].start
    assert SERIES == len(record.series)
    assert ["many-00042", "default"] == [each.name for each in record.series[:2]]
    assert record.has_more_series


def test_no_more_rows_are_read_than_are_told(crowded: Stores) -> None:
    reader = FleetReader(crowded.database)
    asked = statements(crowded, reader.read)
    asked += statements(crowded, lambda: reader.first_leases(["host:7:aaaa"]))

    assert 5 == len(asked)
    if crowded.url.get_backend_name() == "sqlite":
        with crowded.database.transaction() as connection:
            plans = [
                connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                for statement, parameters in asked
            ]
        details = [str(row[-1]) for plan in plans for row in plan]
        # A scan that a LIMIT ends goes along a key; nothing is sorted.
        assert not [each for each in details if "TEMP B-TREE" in each]
        assert not [
            each for each in details if each.startswith("SCAN series") and "USING INDEX" not in each
        ]
        return
    # The planner may read all of a small table for a join; the blocks are many.
    assert 3 * BLOCKS + MANY_SERIES + 2 * SERIES > sum(
        rows_read(crowded, statement, parameters) for statement, parameters in asked
    )


def test_the_first_lease_of_an_instance_is_found(crowded: Stores) -> None:
    found = FleetReader(crowded.database).first_leases(["host:7:aaaa", "host:9:none"])

    assert {"host:7:aaaa": BEGUN + timedelta(seconds=7)} == found


def test_what_remains_and_what_was_handed_back_is_told(stores: Stores) -> None:
    store = stores.store("host:1:aaaa")
    store.lease("small", 1)
    store.hand_back("small", [Block(3, 10)])
    record = FleetReader(stores.database).read()
    small = next(each for each in record.series if each.name == "small")

    assert (990, 1) == (small.remaining, small.returned_blocks)
    assert {"spent", "returned"} == {block.state for block in record.blocks}
    assert not record.has_more_series
    assert timedelta(minutes=5) > abs(record.now - record.blocks[0].leased_at)


def test_an_empty_database_has_no_blocks(stores: Stores) -> None:
    with stores.database.transaction() as connection:
        assert 0 == connection.execute(text("SELECT count(*) FROM block")).scalar_one()

    assert () == FleetReader(stores.database).read().blocks
