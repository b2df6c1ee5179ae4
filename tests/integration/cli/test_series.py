"""`flask series`: made, listed, shown, skipped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from tests.support.answers import Run, data
from tracking_service.container import services_of


def test_a_routed_series_is_made(run: Run) -> None:
    made = data(run("series", "create", "air", "--format", "routed", "--json"))

    assert UTC == datetime.fromisoformat(made.pop("created_at")).tzinfo
    assert {
        "name": "air",
        "format": "routed",
        "number_space": "routed",
        "block_size": 10_000,
        "first_serial": 10**13,
        "next_serial": 10**13,
        "end_serial": 2 * 10**13,
        "leased": 0,
        "remaining": 10**13,
        "used": "0.0%",
        "warning": None,
    } == made


def test_an_s10_series_is_made(run: Run) -> None:
    words = "series create post --format s10 --service RA --country MY --json"
    made = data(run(*words.split()))

    assert {
        "service": "RA",
        "country": "MY",
        "number_space": "s10:RA:MY",
        "block_size": 1000,
        "first_serial": 0,
        "end_serial": 10**8,
    }.items() <= made.items()
    assert made == data(run("series", "show", "post", "--json"))


def test_a_series_can_be_small_and_have_small_blocks(run: Run) -> None:
    words = "series create few --format routed --serials 25 --block-size 10 --json"
    made = data(run(*words.split()))

    assert (10, 25) == (made["block_size"], made["remaining"])


@pytest.mark.parametrize("serials, block_size", [(10**8, 10_000), (10**6, 100), (25, 1)])
def test_a_small_series_has_small_blocks_unless_told_otherwise(
    run: Run, serials: int, block_size: int
) -> None:
    """A failover leaves a hundred blocks out, which is to be a small part of it."""
    words = f"series create few --format routed --serials {serials} --json"

    assert block_size == data(run(*words.split()))["block_size"]


def test_the_list_warns_before_a_series_ends(run: Run) -> None:
    run(
        *["series", "create", "few", "--format", "routed", "--serials", "100", "--block-size", "10"]
    )
    warnings = []
    for blocks in (8, 1, 1):
        run("blocks", "lease", "--series", "few", "--count", str(blocks))
        rows = {row["name"]: row for row in data(run("series", "list", "--json"))}
        warnings.append((rows["few"]["used"], rows["few"]["warning"]))

    assert ["default", "few"] == list(rows)
    assert [("80.0%", None), ("90.0%", "nearly exhausted"), ("100.0%", "exhausted")] == warnings
    assert rows["default"]["warning"] is None

    line = run("series", "list").stdout.splitlines()[-1]

    assert ["few", "routed", "10", "100", "0", "100.0%", "exhausted"] == line.split()


def test_a_series_that_is_exhausted_leases_no_more(run: Run, refuse: Run) -> None:
    run(*["series", "create", "few", "--format", "routed", "--serials", "5", "--block-size", "10"])
    run("blocks", "lease", "--series", "few")

    assert "series exhausted: few" in refuse("blocks", "lease", "--series", "few").stderr


def test_a_series_is_skipped_ahead(run: Run) -> None:
    by = data(run("series", "skip", "default", "--by", "500", "--yes", "--json"))
    to = run("series", "skip", "default", "--to", "2000", "--yes").stdout
    (block, *_) = data(run("blocks", "lease", "--json"))

    assert {"series": "default", "start": 0, "end": 500} == by
    assert "default: serials 500 to 1999 are left out\n" == to
    assert 2000 == block["start"]


def test_no_command_shows_a_key(run: Run, app: Flask) -> None:
    key = services_of(app).series.find("default").key
    run("blocks", "lease")
    printed = "".join(
        run(*words.split(), *json).output
        for words in ("series list", "series show default", "blocks list", "blocks show 1")
        for json in ([], ["--json"])
    )

    for form in (key.hex(), repr(key)[2:-1], str(key)):
        assert form not in printed
