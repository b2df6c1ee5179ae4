"""Two copies of one database, both served, with one folder for their high-water marks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.faults.restores import copy
from tests.support.fleet import wait_until_database_is
from tests.support.instance import Instance
from tests.support.load import Load

# Serials in a block.
BLOCK = 100


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Keep every lease waiting that an instance begins at the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_two_copies_of_one_database_that_lease_in_the_same_moment_repeat_nothing(
    migrated_sqlite_url: str, shrink: Callable[[str, int], None], tmp_path: Path
) -> None:
    """Both have read the mark when neither has leased: the file alone tells of the other."""
    shrink(migrated_sqlite_url, BLOCK)
    paths = [tmp_path / "tracking.sqlite3", tmp_path / "copy.sqlite3"]
    copy(*paths)
    settings = {
        "TRACKING_STATE_DIR": str(tmp_path / "state"),
        "TRACKING_DATABASE_TIMEOUT_SECONDS": "30",
    }
    with ExitStack() as running:
        instances = [
            running.enter_context(
                closing(Instance({"DATABASE_URL": f"sqlite:///{path}", **settings}))
            )
            for path in paths
        ]
        with ExitStack() as locked:
            for path, instance in zip(paths, instances, strict=True):
                locked.enter_context(write_lock(path))
                instance.start()
            for instance in instances:
                wait_until_database_is("away", instance)
        with Load([instance.address for instance in instances], clients=8) as load:
            load.wait_for(20 * BLOCK, seconds=60)
        log = "\n".join(instance.log() for instance in instances)
        verdict = load.history.verdict()

    assert verdict.unique, verdict
    assert "two living histories" in log
