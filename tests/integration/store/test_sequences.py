"""Sequences that are behind their tables, as on a logical replica that was promoted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import ConflictError
from tracking_service.records import RecordedBatch
from tracking_service.store.batches import BatchStore

SERIES = "small"
ROWS = 30


def fall_behind(stores: Stores, table: str) -> None:
    """Set the table's sequence to where it was at first: it is not replicated, the rows are."""
    stores.change(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1, false)")


def test_one_lease_fails_however_many_blocks_there_are(postgres: Stores) -> None:
    store = postgres.store()
    for _ in range(ROWS):
        store.lease(SERIES, 1)
    fall_behind(postgres, "block")
    with pytest.raises(ConflictError, match="pk_block"):
        store.lease(SERIES, 1)
    lease = store.lease(SERIES, 1)

    # What failed was rolled back: nothing is left out.
    assert Block(ROWS * 10, ROWS * 10 + 10) == lease.block
    assert [(ROWS + 1,)] == postgres.rows("SELECT count(*) FROM block")
    assert ROWS < lease.block_id


def test_one_batch_fails_however_many_keys_there_are(postgres: Stores) -> None:
    batches = BatchStore(postgres.database)
    batch = RecordedBatch((Block(0, 3),), datetime.now(UTC))
    for n in range(ROWS):
        batches.record(f"key {n}", "f", batch, keep_seconds=60)
    fall_behind(postgres, "batch")
    with pytest.raises(ConflictError, match="pk_batch"):
        batches.record("new", "f", batch, keep_seconds=60)

    assert batch == batches.record("new", "f", batch, keep_seconds=60)


def test_a_role_that_may_only_insert_catches_up_too(postgres: Stores) -> None:
    store = postgres.store()
    for _ in range(ROWS):
        store.lease(SERIES, 1)
    fall_behind(postgres, "block")
    postgres.change("DROP ROLE IF EXISTS inserting")
    postgres.change("CREATE ROLE inserting LOGIN")
    try:
        postgres.change("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO inserting")
        postgres.change("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO inserting")
        with Stores(postgres.url.set(username="inserting").render_as_string(False)) as plain:
            with pytest.raises(ConflictError, match="pk_block"):
                plain.store("host:2:bbbb").lease(SERIES, 1)

            assert 10 == len(plain.store("host:2:bbbb").lease(SERIES, 1).block)
    finally:
        postgres.change("DROP OWNED BY inserting")
        postgres.change("DROP ROLE inserting")
