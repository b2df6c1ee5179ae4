"""A database of the first version: all its numbers are read, and it goes on issuing their like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.commands import flask, migrate
from tests.support.first_version import FirstDatabase
from tests.support.numbers import POST
from tests.support.stores import Stores
from tracking_service.errors import ExportError, PatternTakenError
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Shipment, parse
from tracking_service.numbering.builtin import FORMER_ROUTED, ROUTED
from tracking_service.services.verify import Verifier
from tracking_service.store import transfer


@pytest.fixture
def upgraded(first_database: FirstDatabase) -> Iterator[Stores]:
    migrate(first_database.url)
    with Stores(first_database.url) as stores:
        yield stores


def verifier(stores: Stores) -> Verifier:
    return Verifier(NumberSpaces(stores.series), stores.blocks.holding, lambda *_: False)


def test_every_number_that_it_issued_verifies_and_decodes(
    upgraded: Stores, first_database: FirstDatabase
) -> None:
    reader = verifier(upgraded)
    known, facts = first_database.issued, first_database.facts
    verified = {number: reader.verify(number) for number in known}
    serials = {number: reader.trace(number).decoded.serial for number in facts["serials"]}

    assert 300 == len(known)
    assert known == {number: each.series for number, each in verified.items()}
    assert {"issued"} == {each.status for each in verified.values()}
    assert facts["serials"] == serials
    assert facts["ranges"] == {
        each.name: [each.first_serial, each.next_serial, each.end_serial]
        for each in upgraded.series.all()
    }


def test_it_goes_on_with_its_patterns_and_repeats_no_number(
    upgraded: Stores, first_database: FirstDatabase
) -> None:
    stores = upgraded
    patterns = {each.name: each.pattern for each in stores.series.all()}
    theirs = parse("LX{body:8}{check}{origin:ID}", "digits", "s10")
    spaces = NumberSpaces(stores.series)
    made = set()
    for name, country in (
        ("default", "MY"),
        ("air", "SG"),
        ("my-post", "MY"),
        ("their-post", "ID"),
    ):
        block = stores.store("host:2:bbbb").lease(name, 1).block
        written = spaces.find(name).format
        for serial in range(block.start, block.start + 40):
            made |= {written.encode(serial, Shipment(country, to)) for to in ("ID", "SG", "JP")}

    assert {
        "default": FORMER_ROUTED,
        "air": FORMER_ROUTED,
        "my-post": POST,
        "their-post": theirs,
    } == patterns
    assert set() == made & first_database.issued.keys()


def test_its_routed_series_stay_of_one_kind(upgraded: Stores) -> None:
    stores = upgraded
    do = flask("series", "create", "sea", "--format", "routed", env={"DATABASE_URL": stores.text})

    assert 0 == do.returncode, do.stderr
    assert FORMER_ROUTED == stores.series.find("sea").pattern
    assert 10**13 + 10**6 == stores.series.find("sea").first_serial
    with pytest.raises(PatternTakenError, match="one of the series default"):
        stores.create("new", pattern=ROUTED)


def test_the_version_before_finds_what_it_left(first_database: FirstDatabase) -> None:
    url = first_database.url
    with Stores(url) as stores:
        query = "SELECT name, format, options FROM number_space ORDER BY id"
        before = stores.rows(query)
        migrate(url)
        between = stores.rows(query)
        down = flask("db", "downgrade", "0004", "--yes", env={"DATABASE_URL": url})
        assert 0 == down.returncode, down.stderr
        after = stores.rows(query)

    assert before == after
    assert [row[:2] for row in before] == [row[:2] for row in between]
    for (*_, old), (*_, new) in zip(map(_read, before), map(_read, between), strict=True):
        assert old.items() <= new.items()


def _read(row: tuple[Any, ...]) -> tuple[Any, ...]:
    name, format, options = row
    return name, format, options if isinstance(options, dict) else json.loads(options)


def test_an_export_that_it_made_is_refused_with_what_to_do(migrated_sqlite_url: str) -> None:
    heading = '{"format":"tracking-service export 2","schema":"0004","name":"export:0123"}\n'
    with (
        Stores(migrated_sqlite_url) as stores,
        pytest.raises(ExportError, match="export and import with the same version"),
    ):
        transfer.import_(stores.database, [heading])


def test_a_database_with_numbers_of_new_patterns_does_not_go_back(
    database_url: str,
) -> None:
    with Stores(database_url) as stores:
        stores.store().lease("default", 1)
        down = flask("db", "downgrade", "0004", "--yes", env={"DATABASE_URL": database_url})

        assert 0 != down.returncode
        assert "would issue some of them again" in down.stderr
        assert "Traceback" not in down.stderr
        assert ROUTED == stores.series.find("default").pattern
