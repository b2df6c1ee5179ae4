"""Apps in this process, several of which may share a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.apps import MakeApp, opened_app


@pytest.fixture
def make_app(database_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes instances that share a database."""
    with ExitStack() as made:
        yield lambda: made.enter_context(opened_app(database_url, tmp_path))
