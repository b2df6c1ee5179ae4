"""`flask series successor` and `close`, and what other commands make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.support.answers import Run, data, fails
from tests.support.commands import flask
from tests.support.stores import Stores
from tests.support.terminal import on_a_terminal
from tracking_service.container import services_of

MINT = ["numbers", "mint", "--origin", "MY", "--destination", "ID", "--count"]


@pytest.fixture
def air(run: Run) -> Run:
    """With the series `air` of 300 serials, and its likely successor."""
    words = "--alphabet digits --serials 300 --block-size 100"
    run("series", "create", "air", "--pattern", "A{body:9}", *words.split())
    run("series", "create", "air-2", "--pattern", "B{body:9}", *words.split())
    return run


def listed(run: Run, name: str) -> dict[str, object]:
    row: dict[str, object] = data(run("series", "show", name, "--json"))
    assert row in data(run("series", "list", "--json"))
    return row


def test_a_successor_is_named_and_shown(air: Run) -> None:
    assert "air is followed by air-2\n" == air("series", "successor", "air", "air-2").stdout
    assert "air-2" == listed(air, "air")["successor"]
    heads, *lines = air("series", "list").stdout.splitlines()
    assert "SUCCESSOR" in heads.upper()
    assert "air-2" in lines[0].split()

    assert "air has no successor\n" == air("series", "successor", "air", "--none").stdout
    assert listed(air, "air")["successor"] is None
    told = data(air("series", "successor", "air", "air-2", "--json"))
    assert {"name": "air", "successor": "air-2"} == told


def test_a_series_that_has_a_successor_needs_no_warning(air: Run) -> None:
    air(*MINT, "300", "--series", "air")
    assert "exhausted" == listed(air, "air")["warning"]

    air("series", "successor", "air", "air-2")

    assert listed(air, "air")["warning"] is None


def test_what_cannot_follow_is_refused(air: Run, refuse: Run, app: Flask) -> None:
    air("series", "successor", "air", "air-2")
    air("series", "create", "post", *["--format", "s10", "--service", "RA", "--country", "MY"])
    for words, fault in (
        ("air-2 air", "air-2 -> air -> air-2 is a circle: no series can follow itself"),
        ("air post", "post refuses other shipments than air"),
        ("air nil", "there is no series named 'nil'"),
    ):
        assert fault in refuse("series", "successor", *words.split()).stderr
    for words in ("air", "air air-2 --none"):
        result = app.test_cli_runner().invoke(args=["series", "successor", *words.split()])
        assert 2 == result.exit_code
        assert "give one of SUCCESSOR and --none" in result.stderr


def test_numbers_are_minted_of_the_successor_where_the_series_has_too_few(
    air: Run, refuse: Run, app: Flask
) -> None:
    air("series", "successor", "air", "air-2")
    numbers = air(*MINT, "450", "--series", "air").stdout.split()

    assert ["A"] * 300 + ["B"] * 150 == [number[0] for number in numbers]
    assert len(numbers) == len(set(numbers))
    assert "air-2" == services_of(app).verifier.verify(numbers[-1]).series


def test_more_numbers_than_are_left_are_refused_before_any_is_spent(
    air: Run, app: Flask, tmp_path: Path
) -> None:
    air("series", "successor", "air", "air-2")
    air(*MINT, "450", "--series", "air")
    # Some of what is left was handed back.
    assert services_of(app).blocks.count_returned("air-2") > 0
    labels = tmp_path / "labels.txt"
    asked = [*MINT, "200", "--series", "air", "--output", str(labels)]
    short = app.test_cli_runner().invoke(args=asked)

    assert 1 == short.exit_code
    assert (
        "series exhausted: 150 serials are left of air, then air-2, and 200 are wanted; nothing"
        " was spent"
    ) in short.stderr
    assert not labels.exists()
    assert 150 == len(air(*MINT, "150", "--series", "air").stdout.split())


def test_a_closed_series_leases_nothing_and_its_numbers_verify(
    air: Run, refuse: Run, app: Flask
) -> None:
    (number,) = air(*MINT, "1", "--series", "air").stdout.split()
    assert "air is closed since 20" in air("series", "close", "air", "--yes").stdout
    told = data(air("series", "close", "air", "--json"))

    assert told == {"name": "air", "closed_at": listed(air, "air")["closed_at"]}
    assert "closed" == listed(air, "air")["warning"]
    for refused in (
        refuse("blocks", "lease", "--series", "air"),
        refuse(*MINT, "1", "--series", "air"),
    ):
        assert "the series air is closed and gives no more numbers" in refused.stderr
    assert "air" == services_of(app).verifier.verify(number).series
    assert "air is closed" in refuse("series", "successor", "air-2", "air").stderr


def test_the_default_series_and_a_successor_are_not_closed(air: Run, refuse: Run) -> None:
    air("series", "successor", "air", "air-2")

    assert "default cannot be closed" in refuse("series", "close", "default", "--yes").stderr
    assert "air-2 is the successor of air" in refuse("series", "close", "air-2", "--yes").stderr
    assert "there is no series named 'nil'" in refuse("series", "close", "nil", "--yes").stderr


@pytest.mark.parametrize("typed, code", [("y\n", 0), ("\n", 1)])
def test_closing_says_what_it_does_and_asks(
    migrated_sqlite_url: str, typed: str, code: int
) -> None:
    with Stores(migrated_sqlite_url) as stores:
        stores.create("air")
    env = {"DATABASE_URL": migrated_sqlite_url}
    refused = fails("series", "close", "air", env=env)
    shown = on_a_terminal(migrated_sqlite_url, "series", "close", "air", typed=typed)

    said = (
        "This closes air for ever: its 1,000 serials that are left are never used, and within some"
        " 5 seconds those who ask for it are refused."
    )
    assert f"Error: {said} Nothing is done without --yes.\n" == refused.stderr
    assert f"{said} Go on? [y/N]:" in shown.screen
    assert code == shown.code
    with Stores(migrated_sqlite_url) as stores:
        assert (code == 1) == (stores.series.find("air").closed_at is None)
    assert 0 == flask("series", "close", "air", "--yes", env=env).returncode
