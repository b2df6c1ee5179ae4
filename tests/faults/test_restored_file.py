"""An SQLite file goes back in time: an older copy is put in its place while instances run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.restores import copy, in_its_stead, into_its_place
from tests.support.fleet import Fleet
from tests.support.ledger import Ledger, judge
from tests.support.load import Load
from tests.support.oracle import History

# By default the marks lie beside the file, and all instances share them; else each has its own.
SHARED = {"TRACKING_STATE_DIR": ""}
OWN: dict[str, str] = {}
RESTORES = [pytest.param(way, id=way.__name__) for way in (into_its_place, in_its_stead)]
Restore = Callable[[Path, Path], None]


@pytest.mark.parametrize("marks", [SHARED, OWN], ids=["shared", "own"])
@pytest.mark.parametrize("restore", RESTORES)
def test_a_file_restored_while_instances_run_repeats_nothing(
    migrated_sqlite_url: str,
    shrink: Callable[[str, int], None],
    tmp_path: Path,
    restore: Restore,
    marks: dict[str, str],
) -> None:
    url, path = migrated_sqlite_url, tmp_path / "tracking.sqlite3"
    shrink(url, 100)
    with Fleet(url, 2, **marks) as fleet:
        with Load(fleet.addresses, clients=4) as load:
            load.wait_for(400)
            copy(path, tmp_path / "old")
            load.wait_for(1000)
            restore(tmp_path / "old", path)
            for instance in fleet:
                load.wait_for(500, address=instance.address)
        newcomer = fleet.add()
        with Load([newcomer.address], history=load.history) as load:
            load.wait_for(500)
        judgement = judge(load.history, url)
        log = fleet.log()

    assert judgement.honest, judgement
    assert "the database went backwards" in log
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement


@pytest.mark.parametrize("restore", RESTORES)
def test_a_file_restored_while_nobody_runs_is_seen_by_the_marks(
    migrated_sqlite_url: str,
    shrink: Callable[[str, int], None],
    tmp_path: Path,
    restore: Restore,
) -> None:
    url, path = migrated_sqlite_url, tmp_path / "tracking.sqlite3"
    shrink(url, 100)
    history = History()
    with Fleet(url, 2) as fleet:
        copy(path, tmp_path / "old")
        for run in range(2):
            with Load(fleet.addresses, clients=4, history=history) as load:
                load.wait_for(1000)
            if run == 0:
                fleet[0].kill()
                fleet[1].terminate()
                restore(tmp_path / "old", path)
                for instance in fleet:
                    instance.start()
        judgement = judge(history, url)
        rows = Ledger.read(url).rows

    assert judgement.honest, judgement
    assert any(row.state == "skipped" for row in rows)
    assert 0 == sum(judgement.verdict.failed.values()), judgement
