"""An export that was changed, in whatever way, is refused with what is wrong, and changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import Stores
from tracking_service.errors import ExportError
from tracking_service.numbering import parse
from tracking_service.numbering.builtin import ROUTED
from tracking_service.store import transfer
from tracking_service.store.api_keys import ApiKeyStore
from tracking_service.store.schema import REVISION

Row = dict[str, Any]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, migrated_file: Any) -> list[str]:
    """An export with rows in every table; `air` has a block that is held, and a returned tail."""
    path = tmp_path_factory.mktemp("export") / "tracking.sqlite3"
    path.write_bytes(migrated_file.read_bytes())
    written: list[str] = []
    with Stores(f"sqlite:///{path}") as stores:
        stores.create("air", pattern=ROUTED)
        store = stores.store()
        held = [store.lease("air", 1).block for _ in range(3)]
        other = stores.store("host:2:bbbb")
        tail = other.lease("air", 1).block
        other.hand_back("air", [type(tail)(tail.start + 4, tail.end)])
        ApiKeyStore(stores.database).create("shop", ["issue"], ["air"])
        stores.change(
            "INSERT INTO batch (key, fingerprint, token, ranges, issued_at, expires_at)"
            " VALUES ('order-1', 'f', '', :ranges, '2026-01-01', '2999-01-01')",
            ranges=json.dumps([[held[0].start, held[0].start + 5]]),
        )
        transfer.export(stores.database, written.append, keep=lambda: None)
    return written


@pytest.fixture
def fresh(database_url: str) -> Iterator[Stores]:
    with Stores(database_url) as stores:
        yield stores


@pytest.fixture
def fresh_sqlite(migrated_sqlite_url: str) -> Iterator[Stores]:
    """For what is found before the database is asked."""
    with Stores(migrated_sqlite_url) as stores:
        yield stores


def edited(lines: list[str], table: str, change: Callable[[Row], object], at: int = 0) -> list[str]:
    """The export with a row of `table` changed, and a checksum that fits."""
    facts = [json.loads(line) for line in lines]
    rows = [fact for fact in facts if fact.get("table") == table]
    change(rows[at]["row"])
    return resealed(facts)


def resealed(facts: list[Row]) -> list[str]:
    body = [json.dumps(fact, separators=(",", ":")) + "\n" for fact in facts[:-2]]
    end = facts[-2] | {"sha256": hashlib.sha256("".join(body).encode()).hexdigest()}
    return [*body, *(json.dumps(fact) + "\n" for fact in (end, facts[-1]))]


def refuse(fresh: Stores, lines: list[str]) -> str:
    """Import and expect it to fail with one line; return that."""
    before = fresh.series.all()
    with pytest.raises(ExportError) as refused:
        transfer.import_(fresh.database, lines)
    message = str(refused.value)

    assert 1 == len(message.splitlines())
    assert before == fresh.series.all()
    return message


def test_the_export_as_it_is_is_taken(fresh: Stores, lines: list[str]) -> None:
    counts = transfer.import_(fresh.database, lines)

    assert {"number_space": 1, "series": 2, "block": 5, "batch": 1, "api_key": 1} == counts
    assert resealed([json.loads(line) for line in lines])[:-2] == lines[:-2]


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda lines: [], "not an export"),
        (lambda lines: ["{}\n"], "not an export"),
        (lambda lines: ["[" * 100_000], "in line 1: it is no JSON object"),
        (lambda lines: [lines[0].replace("export 2", "export 1"), *lines[1:]], "not an export of"),
        (lambda lines: [lines[0].replace(REVISION, "0004"), *lines[1:]], "with the same version"),
        (lambda lines: lines[:-1], "is not whole"),
        (lambda lines: lines[:-2], "is not whole"),
        (lambda lines: [*lines, lines[-1]], "is not whole"),
        (lambda lines: [*lines[:-1], '{"sealed":"export:another"}'], "is not whole"),
        (lambda lines: [lines[0], *lines[2:]], "its lines are not those that it was made of"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "its lines are not those"),
        (
            lambda lines: [lines[0], lines[1].replace('"name"', '"nome"'), *lines[2:]],
            "line 2: it has not",
        ),
        (
            lambda lines: [lines[0], lines[1].replace("api_key", "api_kez"), *lines[2:]],
            "no row of a",
        ),
        (lambda lines: [lines[0], "[]\n", *lines[1:]], "in line 2: it is no JSON object"),
        (lambda lines: [lines[0], "x" + lines[1], *lines[2:]], "in line 2: it is no JSON object"),
        (lambda lines: [line.replace("host:2:bbbb", "host:2:bbbc") for line in lines], "not those"),
    ],
)
def test_lines_that_are_lost_added_or_changed_are_noticed(
    fresh_sqlite: Stores, lines: list[str], damage: Callable[[list[str]], list[str]], said: str
) -> None:
    assert said in refuse(fresh_sqlite, damage(lines))


@pytest.mark.parametrize(
    "table, column, value",
    [
        ("series", "next_serial", "12"),
        ("series", "next_serial", 1.0),
        ("series", "next_serial", True),
        ("series", "lease_count", 2**63),
        ("series", "block_size", 2**31),
        ("series", "id", 0),
        ("series", "name", None),
        ("series", "name", 5),
        ("series", "name", "n" * 33),
        ("series", "name", "a\0b"),
        ("series", "created_at", "yesterday"),
        ("series", "created_at", "2026-01-01T00:00:00"),
        ("series", "created_at", 5),
        ("number_space", "key", "not base64!"),
        ("number_space", "key", None),
        ("number_space", "options", None),
    ],
)
def test_a_value_that_no_column_takes_is_named(
    fresh_sqlite: Stores, lines: list[str], table: str, column: str, value: object
) -> None:
    said = refuse(fresh_sqlite, edited(lines, table, lambda row: row.update({column: value})))

    assert f"{column} of this row of {table} is not possible" in said


def test_spaces_that_could_write_one_number_are_named(
    fresh_sqlite: Stores, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "old.sqlite3"
    path.write_bytes(Path(migrated_sqlite_url.removeprefix("sqlite:///")).read_bytes())
    written: list[str] = []
    with Stores(f"sqlite:///{path}") as old:
        old.create("depot", pattern=parse("D{body:9}", "digits"))
        transfer.export(old.database, written.append, keep=lambda: None)
    meeting = parse("MYID{body:12}", "digits").options
    changed = edited(written, "number_space", lambda row: row.update(options=meeting), at=1)

    assert "could be read as one of D{body:9}" in refuse(fresh_sqlite, changed)


AIR = 1  # the second series


@pytest.mark.parametrize(
    "table, at, changed, said",
    [
        # Leased again, these serials would repeat.
        ("series", AIR, {"next_serial": 10**13 + 20}, "is at serial 10000000000020, and a block"),
        ("series", AIR, {"first_serial": 10**13 + 5}, "begins at 10000000000000, before the"),
        ("series", AIR, {"first_serial": 10**13 - 5}, "share serials"),
        ("series", AIR, {"end_serial": 10**18}, "a series ends at 1000000000000000000, beyond"),
        ("series", AIR, {"returned_blocks": 0}, "counts 0 returned blocks and has 1"),
        ("series", AIR, {"returned_blocks": 2}, "counts 2 returned blocks and has 1"),
        ("series", AIR, {"lease_count": 0}, "cannot have had 0 leases"),
        ("series", AIR, {"lease_count": 2**63 - 1}, "cannot have had"),
        ("series", AIR, {"failover_skip": 0}, "leaves out 0 serials after a failover"),
        ("series", AIR, {"successor": "sea"}, "the successor of the series air is sea, which"),
        ("series", AIR, {"successor": "air"}, "air is followed by a circle"),
        ("series", AIR, {"block_size": 0}, "contradict one another"),
        ("series", AIR, {"next_serial": 0}, "contradict one another"),
        ("series", AIR, {"name": "default"}, "contradict one another"),
        ("series", AIR, {"number_space_id": 99}, "contradict one another"),
        ("block", 1, {"start": 10**13 + 5}, "overlaps the one before it"),
        ("block", 1, {"end": 10**13 + 25}, "overlaps the one before it"),
        ("block", 1, {"end": 0}, "contradict one another"),
        ("block", 1, {"state": "returned"}, "counts 1 returned blocks and has 2"),
        ("block", 1, {"state": "lost"}, "contradict one another"),
        ("number_space", 0, {"key": "AAAA"}, "32 bytes, not 3"),
        ("number_space", 0, {"options": {"country": "MY"}}, "check} has no pattern"),
        ("number_space", 0, {"options": []}, "check} has no pattern"),
        ("number_space", 0, {"options": 5}, "check} has no pattern"),
        ("number_space", 0, {"options": {**ROUTED.options, "pattern": 5}}, "has no pattern"),
        ("number_space", 0, {"options": {**ROUTED.options, "alphabet": "latin"}}, "no alphabet"),
        ("number_space", 0, {"options": {**ROUTED.options, "check": "luhn"}}, "luhn is not for"),
        ("number_space", 0, {"options": {**ROUTED.options, "pattern": "A{body:9}"}}, "no {check}"),
        ("number_space", 0, {"moved_at": None}, "was not sealed"),
        ("batch", 0, {"ranges": [[10**13 + 8, 10**13 + 45]]}, "which no instance has leased"),
        ("batch", 0, {"ranges": [[5, 9]]}, "has serials 5 to 8, which no instance has leased"),
        # The returned tail.
        ("batch", 0, {"ranges": [[10**13 + 35, 10**13 + 36]]}, "which no instance has leased"),
        ("batch", 0, {"ranges": [[9, 5]]}, "has no serials"),
        ("batch", 0, {"ranges": [["0", "5"]]}, "has no serials"),
        ("batch", 0, {"ranges": []}, "has no serials"),
        ("batch", 0, {"ranges": None}, "has no serials"),
        ("batch", 0, {"issued_at": None}, "no moment of issue"),
        ("api_key", 0, {"digest": "AAAA"}, "the digest of the API key shop is not 32 bytes"),
        ("api_key", 0, {"scopes": ["admin"]}, "the API key shop: a key has one or more of the"),
        ("api_key", 0, {"scopes": 5}, "the API key shop"),
        ("api_key", 0, {"series": ["sea"]}, "is for a series that there is not"),
        ("api_key", 0, {"name": "Shop"}, "the API key Shop: "),
    ],
)
def test_rows_that_contradict_one_another_are_named(
    fresh: Stores, lines: list[str], table: str, at: int, changed: Row, said: str
) -> None:
    assert said in refuse(fresh, edited(lines, table, lambda row: row.update(changed), at))
