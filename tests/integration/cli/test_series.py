"""`flask series`: made, listed, shown, skipped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from tests.support.answers import Run, data
from tests.support.commands import flask
from tracking_service.container import services_of

MINT = ["numbers", "mint", "--origin", "MY", "--destination", "ID"]


def test_a_routed_series_is_made(run: Run) -> None:
    made = data(run("series", "create", "air", "--format", "routed", "--json"))

    assert UTC == datetime.fromisoformat(made.pop("created_at")).tzinfo
    assert {
        "name": "air",
        "format": "routed",
        "pattern": "{origin}{destination}{body:11}{check}",
        "alphabet": "crockford",
        "check": "mod-33-32",
        "block_size": 10_000,
        "first_serial": 10**13,
        "next_serial": 10**13,
        "end_serial": 2 * 10**13,
        "leased": 0,
        "remaining": 10**13,
        "used": "0.0%",
        "successor": None,
        "warning": None,
        "closed_at": None,
    } == made


def test_an_s10_series_is_made(run: Run) -> None:
    words = "series create post --format s10 --service RA --country MY --json"
    made = data(run(*words.split()))

    assert {
        "format": "s10",
        "pattern": "RA{body:8}{check}{origin:MY}",
        "alphabet": "digits",
        "check": "s10",
        "block_size": 1000,
        "first_serial": 0,
        "end_serial": 10**8,
    }.items() <= made.items()
    assert made == data(run("series", "show", "post", "--json"))


def test_a_series_has_the_pattern_that_it_is_given(run: Run) -> None:
    """The depot of docs/formats.md."""
    words = "series create depot --pattern D{body:8}{check} --alphabet base36 --json"
    made = data(run(*words.split()))
    (number,) = run(*MINT, "--count", "1", "--series", "depot").stdout.split()

    assert {
        "format": None,
        "pattern": "D{body:8}{check}",
        "alphabet": "base36",
        "check": "mod-37-36",
        "end_serial": 36**8,
    }.items() <= made.items()
    assert (10, "D") == (len(number), number[0])
    assert "depot" == data(run("numbers", "inspect", number.lower(), "--json"))["series"]


def test_a_number_shows_the_day_of_its_issue(run: Run) -> None:
    words = "series create dated --pattern {yyyy}{mm}{dd}{body:6}{check} --alphabet digits"
    run(*words.split())
    before = datetime.now(UTC)
    (number,) = run(*MINT, "--count", "1", "--series", "dated").stdout.split()

    assert number[:8] in {f"{moment:%Y%m%d}" for moment in (before, datetime.now(UTC))}
    assert number == data(run("numbers", "inspect", number, "--json"))["tracking_number"]


def test_series_of_one_pattern_share_its_space(run: Run) -> None:
    words = "series create {} --pattern B{{body:6}} --alphabet digits --serials 600000 --json"
    first = data(run(*words.format("first").split()))
    second = data(run(*words.format("second").replace("600000", "400000").split()))

    assert (0, 600_000) == (first["first_serial"], first["end_serial"])
    assert (600_000, 10**6) == (second["first_serial"], second["end_serial"])


def test_a_wrong_pattern_is_pointed_at(refuse: Run) -> None:
    said = refuse("series", "create", "x", "--pattern", "RB{body:9}{chek}").stderr

    assert "wrong at character 11, {chek}: there is no such part" in said


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

    pattern = "{origin}{destination}{body:11}{check}"
    row = ["few", pattern, "crockford", "10", "100", "0", "100.0%", "-", "exhausted"]
    assert row == line.split()


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


def test_of_an_exhausted_series_the_tails_are_skipped(run: Run, refuse: Run) -> None:
    run(*["series", "create", "few", "--format", "routed", "--serials", "5", "--block-size", "10"])
    lane = ("--origin", "MY", "--destination", "ID")
    run("numbers", "mint", *lane, "--count", "1", "--series", "few")
    back = refuse("series", "skip", "few", "--to", "1").stderr
    asked = refuse("series", "skip", "few", "--by", "1").stderr
    said = run("series", "skip", "few", "--by", "1", "--yes").stdout
    again = data(run("series", "skip", "few", "--by", "9", "--yes", "--json"))

    assert "cannot skip to 1" in back
    assert "This leaves out, for ever, all tails of few that were handed back." in asked
    assert "few: all tails are left out; no other serials are left\n" == said
    assert {"series": "few", "start": again["start"], "end": again["start"]} == again
    assert "series exhausted: few" in refuse("blocks", "lease", "--series", "few").stderr


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


def test_a_pattern_is_previewed_and_nothing_is_made(run: Run) -> None:
    words = "series preview --pattern RB{body:9}{check} --alphabet digits"
    told = data(run(*words.split(), "--json"))
    shown = run(*words.split()).stdout

    assert {
        "pattern": "RB{body:9}{check}",
        "alphabet": "digits",
        "check": "mod-11-10",
        "length": 12,
        "numbers": 10**9,
        "invented_per_real": 10_000,
        "barcode_modules": 143,
        "barcode_mm": 47.2,
    }.items() <= told.items()
    assert 5 == len(told["examples"])
    for text in (
        " ".join(told["examples"]),
        "1,000,000,000",
        "one in 10,000 is real",
        told["check_catches"],
        "47.2 at 0.33 mm",
    ):
        assert text in shown
    assert ["default"] == [row["name"] for row in data(run("series", "list", "--json"))]


def test_a_preview_says_what_a_serial_in_the_clear_gives_away(run: Run) -> None:
    shown = run("series", "preview", "--pattern", "{serial:9}", "--alphabet", "digits").stdout

    assert "whoever has seen one knows others" in shown
    assert "there is no check character" in shown


def test_a_preview_needs_no_database(tmp_path: Path) -> None:
    env = {"DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}"}
    done = flask("series", "preview", "--format", "routed", "--json", env=env)

    assert 0 == done.returncode, done.stderr
    assert 16 == json.loads(done.stdout)["length"]
