"""`flask numbers`: minted in advance, whole or not at all; and traced back."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from flask import Flask

from tests.support.answers import Run, data
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.container import services_of
from tracking_service.errors import StoreUnavailableError
from tracking_service.numbering import key_fingerprint
from tracking_service.store.blocks import BlockReader, BlockStore

NUMBER = re.compile(r"MYID[0-9A-Z]{12}")
WORDS = ("numbers", "mint", "--origin", "MY", "--destination", "ID", "--count")


def states(url: str, series: str = "default") -> list[tuple[int, int, str]]:
    with Stores(url) as stores:
        return stores.states(series)


def test_numbers_are_minted_one_a_line(run: Run, app: Flask) -> None:
    result = run(*WORDS, "12345")
    lines = result.stdout.split("\n")
    numbers = lines[:-1]

    assert "" == lines[-1]
    assert 12_345 == len(numbers) == len(set(numbers))
    assert all(NUMBER.fullmatch(number) for number in numbers)
    # A bar would be in the way of a pipe.
    assert "" == result.stderr
    verifier = services_of(app).verifier
    assert {"issued"} == {verifier.verify(number).status for number in numbers[::1000]}
    assert [0, 12_344] == [verifier.trace(numbers[at]).decoded.serial for at in (0, -1)]


def test_what_is_over_goes_back_and_is_minted_next(run: Run, database_url: str) -> None:
    first = run(*WORDS, "4000").stdout.split()
    after_first = states(database_url)
    second = run(*WORDS, "7000").stdout.split()

    assert [(0, 4_000, "spent"), (4_000, 10_000, "returned")] == after_first
    assert 11_000 == len({*first, *second})
    assert [
        (0, 4_000, "spent"),
        (4_000, 10_000, "spent"),
        (10_000, 11_000, "spent"),
        (11_000, 20_000, "returned"),
    ] == states(database_url)


def test_neighbours_learn_what_is_over_from_the_marks(run: Run, app: Flask) -> None:
    """Else they would leave it out once another host has leased it and handed it back."""
    run(*WORDS, "4000")
    services = services_of(app)
    key = services.series.find("default").key
    reading = services.marks.read(f"{key_fingerprint(key)}/default")

    assert None is reading.possible_holder(Block(4_000, 10_000), returned_by="away:1:cc")
    assert reading.possible_holder(Block(3_999, 10_000), returned_by="away:1:cc")


def test_a_series_can_be_named(run: Run, refuse: Run) -> None:
    run(*["series", "create", "post", "--format", "s10", "--service", "RA", "--country", "MY"])
    (number,) = run(*WORDS, "1", "--series", "post").stdout.split()
    words = [
        "numbers",
        "mint",
        "--origin",
        "SG",
        "--destination",
        "ID",
        "--count",
        "1",
        "--series",
        "post",
    ]

    assert re.fullmatch(r"RA[0-9]{9}MY", number)
    assert "must be MY" in refuse(*words).stderr


def test_a_series_that_ends_in_the_middle_leaves_no_file(
    run: Run, refuse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of those that it saw at the beginning, somebody else has leased one since.
    monkeypatch.setattr(BlockReader, "count_returned", lambda *_: 1)
    run(*["series", "create", "few", "--format", "routed", "--serials", "15", "--block-size", "10"])
    output = tmp_path / "numbers.txt"
    result = refuse(*WORDS, "16", "--series", "few", "--output", str(output))

    assert "series exhausted: few" in result.stderr
    assert not list(tmp_path.glob("*numbers.txt*"))


def test_numbers_are_written_though_what_is_left_cannot_be_handed_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise StoreUnavailableError("the database does not answer")

    monkeypatch.setattr(BlockStore, "hand_back", fail)
    output = tmp_path / "numbers.txt"
    result = run(*WORDS, "25", "--output", str(output))

    assert 25 == len(set(output.read_text().splitlines()))
    assert "Warning: unspent serials are lost: the database does not answer\n" == result.stderr


def test_a_series_is_minted_from_in_leases_of_a_small_part(run: Run, database_url: str) -> None:
    """A failover can forget a lease, and what it skips is to be far more."""
    words = "series create few --format routed --serials 100000 --block-size 10"
    run(*words.split())
    run(*WORDS, "450", "--series", "few")

    assert 5 == len(states(database_url, "few"))


def test_a_file_is_written_whole(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "numbers.txt"
    result = run(*WORDS, "25000", "--output", str(output))
    numbers = output.read_text().splitlines()

    assert "" == result.output
    assert 25_000 == len(set(numbers))
    assert [output] == list(tmp_path.glob("*numbers.txt*"))


def test_numbers_that_were_issued_are_not_replaced_without_force(
    run: Run, refuse: Run, tmp_path: Path, database_url: str
) -> None:
    output = tmp_path / "numbers.txt"
    run(*WORDS, "3", "--output", str(output))
    first = output.read_text()
    blocks = states(database_url)
    refused = refuse(*WORDS, "3", "--output", str(output))

    assert "exists already, and is left as it is; --force replaces it" in refused.stderr
    assert first == output.read_text()
    # And costs nothing.
    assert blocks == states(database_url)

    run(*WORDS, "3", "--output", str(output), "--force")

    assert not set(first.split()) & set(output.read_text().split())
    assert [output] == list(tmp_path.glob("*numbers.txt*"))


@pytest.mark.parametrize("there", [True, False], ids=["--force", "new"])
def test_a_link_stays_one(run: Run, tmp_path: Path, there: bool) -> None:
    """The file that it names is written."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    if there:
        target.write_text("what was there before\n")
    run(*WORDS, "3", "--output", str(link), *(["--force"] if there else []))

    assert link.is_symlink()
    assert 3 == len(target.read_text().splitlines())


@pytest.mark.parametrize(
    "place, message",
    [
        ("missing/numbers.txt", "No such file or directory"),
        ("a-file/numbers.txt", "Not a directory"),
        ("n" * 250, "File name too long"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_made_is_told_in_one_line(
    refuse: Run, tmp_path: Path, database_url: str, place: str, message: str
) -> None:
    (tmp_path / "a-file").write_text("")
    result = refuse(*WORDS, "10", "--output", str(tmp_path / place))

    assert f"cannot be written: {message}" in result.stderr
    # And costs nothing.
    assert [] == states(database_url)


def test_a_device_is_not_replaced_by_a_file(refuse: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "is not a regular file" in refuse(*WORDS, "10", "--output", str(pipe)).stderr
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_number_is_traced(run: Run, app: Flask) -> None:
    number = run(*WORDS, "5").stdout.split()[3]
    typed = f"{number[:4].lower()} {number[4:10]}-{number[10:]}"
    facts = data(run("numbers", "inspect", typed, "--json"))
    block = services_of(app).blocks.by_id(1)

    assert block is not None
    assert {
        "tracking_number": number,
        "series": "default",
        "serial": 3,
        "block_id": 1,
        "state": "spent",
        "instance": block.instance,
        "leased_at": f"{block.leased_at:%Y-%m-%dT%H:%M:%SZ}",
        "released_at": f"{block.released_at:%Y-%m-%dT%H:%M:%SZ}",
    } == facts

    lines = run("numbers", "inspect", number).stdout.splitlines()

    assert {name: str(fact) for name, fact in facts.items()} == dict(
        line.split(maxsplit=1) for line in lines
    )
