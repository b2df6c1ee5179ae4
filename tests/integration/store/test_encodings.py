"""A PostgreSQL database of another encoding than UTF-8: text stays text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from psycopg import sql

from tests.support.commands import migrate
from tests.support.databases import DatabaseServer
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.auth import Scope
from tracking_service.records import RecordedBatch
from tracking_service.store.api_keys import ApiKeyStore
from tracking_service.store.batches import BatchStore


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def encoded(request: pytest.FixtureRequest, postgres_server: DatabaseServer) -> Iterator[Stores]:
    name = f"encoded_{request.param.lower()}"
    postgres_server.drop_database(name)
    postgres_server.execute(
        sql.SQL(
            "CREATE DATABASE {} ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ).format(sql.Identifier(name), sql.Literal(request.param))
    )
    migrate(postgres_server.url(name))
    with Stores(postgres_server.url(name)) as stores:
        yield stores
    postgres_server.drop_database(name)


def test_a_database_of_any_encoding_serves(encoded: Stores) -> None:
    encoded.create("small")
    block = encoded.store("host:1:aaaa").lease("small", 1).block
    found = encoded.blocks.holding("small", 3)
    batch = RecordedBatch((block,), datetime.now(UTC))
    BatchStore(encoded.database).record("order-1", "f", batch, keep_seconds=60)
    keys = ApiKeyStore(encoded.database)
    keys.create("shop", [Scope.ISSUE], ["small"])

    assert Block(0, 10) == block
    assert found is not None
    assert ("small", "leased", "host:1:aaaa") == (found.series, found.state, found.instance)
    assert batch == BatchStore(encoded.database).find("order-1", "f")
    assert [("shop", frozenset({"small"}))] == [(key.name, key.series) for key in keys.live()]
