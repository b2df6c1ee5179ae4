"""`flask blocks`: leases by hand, and who leased what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from tests.support.answers import Run, assert_one_line, data
from tracking_service.allocation import Block
from tracking_service.container import services_of
from tracking_service.errors import StoreUnavailableError
from tracking_service.records import LeasedBlock
from tracking_service.store.blocks import BlockReader, BlockStore

INSTANCE = re.compile(r"[^:]+:[0-9]+:[0-9a-f]{8}")


def test_a_lease_prints_what_was_leased(run: Run, app: Flask) -> None:
    (row,) = data(run("blocks", "lease", "--json"))

    assert {
        "id": 1,
        "series": "default",
        "start": 0,
        "end": 10_000,
        "state": "leased",
        "released_at": None,
        "spent_end": None,
    }.items() <= row.items()
    assert {"instance", "leased_at"} == set(row) - {
        "id",
        "series",
        "start",
        "end",
        "state",
        "released_at",
        "spent_end",
    }
    assert INSTANCE.fullmatch(row["instance"])
    leased_at = datetime.fromisoformat(row["leased_at"])
    assert timedelta(0) == leased_at.utcoffset()
    assert services_of(app).blocks.by_id(row["id"]) is not None


def test_several_leases_are_several_blocks_of_one_instance(run: Run) -> None:
    rows = data(run("blocks", "lease", "--count", "3", "--json"))

    assert [(0, 10_000), (10_000, 20_000), (20_000, 30_000)] == [
        (row["start"], row["end"]) for row in rows
    ]
    assert 1 == len({row["instance"] for row in rows})


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_what_was_leased_before_an_error_is_printed(run: Run, app: Flask, json: list[str]) -> None:
    words = "series create few --format routed --serials 15 --block-size 10"
    first = data(run(*words.split(), "--json"))["first_serial"]
    runner = app.test_cli_runner()
    result = runner.invoke(args=["blocks", "lease", "--series", "few", "--count", "3", *json])
    starts = (
        [row["start"] for row in data(result)]
        if json
        else [int(line.split()[2]) for line in result.stdout.splitlines()[1:]]
    )

    assert 1 == result.exit_code
    assert_one_line(result.stderr)
    assert "series exhausted: few" in result.stderr
    assert [first, first + 10] == starts


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_where_nothing_was_leased_nothing_is_printed(
    run: Run, refuse: Run, json: list[str]
) -> None:
    words = "series create few --format routed --serials 10 --block-size 10"
    run(*words.split())
    run("blocks", "lease", "--series", "few")

    assert "series exhausted" in refuse("blocks", "lease", "--series", "few", *json).stderr


def test_ctrl_c_prints_what_was_leased(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = BlockStore.lease

    def interrupted(self: BlockStore, *args: Any, **kwargs: Any) -> Any:
        found = lease(self, *args, **kwargs)
        if found.block.start:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(BlockStore, "lease", interrupted)
    result = app.test_cli_runner().invoke(args=["blocks", "lease", "--count", "9", "--json"])

    assert 1 == result.exit_code
    assert [(0, 10_000)] == [(row["start"], row["end"]) for row in data(result)]


@pytest.mark.parametrize("away", [True, False])
def test_a_lease_that_cannot_be_looked_up_again_is_printed(
    run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    def by_id(_self: BlockReader, _block_id: int) -> LeasedBlock | None:
        if away:
            raise StoreUnavailableError
        return None

    with monkeypatch.context() as patch:
        patch.setattr(BlockReader, "by_id", by_id)
        rows = data(run("blocks", "lease", "--count", "2", "--json"))
    known = [data(run("blocks", "show", str(row["id"]), "--json")) for row in rows]

    assert 2 == len(rows)
    assert [{**row, "leased_at": None} for row in known] == rows


def test_the_list_has_the_newest_first(run: Run) -> None:
    leased = [data(run("blocks", "lease", "--json"))[0] for _ in range(3)]

    assert leased[::-1] == data(run("blocks", "list", "--json"))
    assert [leased[2]] == data(run("blocks", "list", "--limit", "1", "--json"))
    assert [leased[1]] == data(run("blocks", "list", "--instance", leased[1]["instance"], "--json"))
    assert [] == data(run("blocks", "list", "--instance", "nobody", "--json"))


def test_the_list_can_be_of_one_series(run: Run) -> None:
    run("series", "create", "air", "--format", "routed", "--block-size", "50")
    run("blocks", "lease")
    (air,) = data(run("blocks", "lease", "--series", "air", "--json"))

    assert [air] == data(run("blocks", "list", "--series", "air", "--json"))
    assert ("air", 50) == (air["series"], air["end"] - air["start"])


def test_a_table_for_people_has_a_line_a_block(run: Run) -> None:
    run("blocks", "lease", "--count", "2")
    header, *lines = run("blocks", "list").stdout.splitlines()

    columns = ["id", "series", "start", "end", "state", "instance", "leased_at", "released_at"]
    assert columns == header.split()
    assert [["2", "default", "10000", "20000"], ["1", "default", "0", "10000"]] == [
        line.split()[:4] for line in lines
    ]
    assert all(line.split()[-1] == "-" for line in lines)


def test_one_block_is_shown(run: Run, app: Flask) -> None:
    store = BlockStore(services_of(app).database, "host:1:aaaa")
    store.lease("default", 1)
    store.hand_back("default", [Block(4_000, 10_000)])
    spent = data(run("blocks", "show", "1", "--json"))
    returned = data(run("blocks", "show", "2", "--json"))

    assert (0, 4_000, "spent", 4_000) == (
        spent["start"],
        spent["end"],
        spent["state"],
        spent["spent_end"],
    )
    assert ("returned", 4_000) == (returned["state"], returned["spent_end"])
    assert UTC == datetime.fromisoformat(spent["released_at"]).tzinfo

    facts = dict(line.split(maxsplit=1) for line in run("blocks", "show", "1").stdout.splitlines())

    assert {key: str(value) for key, value in spent.items()} == facts
