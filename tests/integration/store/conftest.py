"""The parts over one database of each kind, with a small series to lease from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stores import Stores

SERIES = "small"
"""A hundred blocks of ten serials, from 0 on."""


@pytest.fixture
def stores(database_url: str) -> Iterator[Stores]:
    """SQLite and PostgreSQL in turn."""
    with Stores(database_url) as opened:
        opened.create(SERIES)
        yield opened


@pytest.fixture
def postgres(migrated_postgres_url: str) -> Iterator[Stores]:
    """PostgreSQL alone, for what SQLite has not."""
    with Stores(migrated_postgres_url) as opened:
        opened.create(SERIES)
        yield opened


@pytest.fixture
def sqlite(migrated_sqlite_url: str) -> Iterator[Stores]:
    """SQLite alone, for what PostgreSQL has not."""
    with Stores(migrated_sqlite_url) as opened:
        opened.create(SERIES)
        yield opened
