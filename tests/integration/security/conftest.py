"""A real server, asked over raw sockets, whose serials are counted when it has ended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.exposition import read, value
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance


@pytest.fixture(scope="module")
def url(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("security")
    for part in migrated_file.parent.glob(f"{migrated_file.name}*"):
        shutil.copy(part, folder / part.name)
    return f"sqlite:///{folder / migrated_file.name}"


@pytest.fixture(scope="module")
def instance(url: str) -> Iterator[Instance]:
    """One instance for a file of tests; it must live through all of them."""
    with Instance({"DATABASE_URL": url}) as started:
        wait_until_ready(started)
        yield started
        assert started.running, started.log()


@pytest.fixture
def spent(instance: Instance) -> Callable[[], int]:
    """How many serials the instance has handed out since the fixture was made."""

    def issued() -> int:
        metrics = read(instance.get("/metrics").body)
        return int(value(metrics, "tracking_issued_numbers_total", series="default"))

    first = issued()
    return lambda: issued() - first
