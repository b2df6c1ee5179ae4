"""From SQLite to PostgreSQL, with numbers issued before, during and after: none of them twice."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.answers import fails
from tests.support.commands import flask
from tests.support.fleet import Fleet, wait_until_ready
from tests.support.instance import Instance
from tests.support.ledger import Ledger
from tests.support.load import Load
from tests.support.numbers import POST
from tests.support.oracle import History, duplicates
from tests.support.stores import Stores, waiting_for_a_lock
from tests.support.waiting import wait_until
from tracking_service.allocation import Block
from tracking_service.errors import (
    ExportError,
    MovedError,
    SeriesExhaustedError,
    StoreUnavailableError,
)
from tracking_service.numbering.builtin import ROUTED
from tracking_service.store import transfer


def do(url: str, *arguments: str) -> str:
    done = flask(*arguments, env={"DATABASE_URL": url})
    assert 0 == done.returncode, done.stderr
    return done.stdout


def exported(stores: Stores) -> list[str]:
    lines: list[str] = []
    transfer.export(stores.database, lines.append, keep=lambda: None)
    return lines


@pytest.fixture
def old(migrated_sqlite_url: str) -> Iterator[Stores]:
    with Stores(migrated_sqlite_url) as stores:
        yield stores


@pytest.fixture
def new(migrated_postgres_url: str) -> Iterator[Stores]:
    with Stores(migrated_postgres_url) as stores:
        yield stores


def test_no_number_repeats_in_a_move_under_load(
    migrated_sqlite_url: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    export = tmp_path / "export.jsonl"
    # Shared, so that each instance is warned of what any other was ever given.
    state = {"TRACKING_STATE_DIR": str(tmp_path)}
    history = History()
    with Fleet(migrated_sqlite_url, 2, **state) as old:
        before = [instance.number() for instance in old for _ in range(50)]
        with Load(old.addresses, clients=4, rate=200, history=history) as load:
            load.wait_for(200)
            do(migrated_sqlite_url, "series", "export", "--output", str(export))
            do(migrated_postgres_url, "series", "import", str(export))
            # Sealed, the old ones go on with what they hold.
            load.wait_for(200)
            with Fleet(migrated_postgres_url, 2, **state) as new:
                with Load(new.addresses, clients=4, rate=200, history=history) as more:
                    more.wait_for(200)
                    load.wait_for(100)
                    load.close()
                    # One stops, and hands back; the other leases that tail, from the old one.
                    assert 0 == old[0].terminate()
                    late = [old[1].number() for _ in range(50)]
                    more.wait_for(200)
                answers = [new[0].get(f"/api/tracking-numbers/{number}") for number in before]
                logged = new.log() + old.log()

    numbers = [*before, *late, *history.numbers()]
    verdict = history.verdict()
    assert {} == duplicates(numbers)
    assert 0 == verdict.failures + verdict.perhaps, verdict
    assert verdict.acknowledged >= 900
    assert {200} == {answer.status for answer in answers}
    assert before == [answer.json()["tracking_number"] for answer in answers]
    # Whatever was issued when, the new database knows a block for it.
    assert [] == Ledger.read(migrated_postgres_url).unrecorded(numbers)
    assert "backwards" not in logged


def test_the_old_database_leases_nothing_new_and_says_why(
    old: Stores, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    do(migrated_sqlite_url, "series", "export", "--output", str(tmp_path / "export"))

    with pytest.raises(SeriesExhaustedError, match="default was moved to another database"):
        old.store().lease("default", 1)
    with pytest.raises(MovedError, match="were moved to another one by an export"):
        old.create("more", pattern=ROUTED)
    refused = fails(
        *["series", "export", "--output", str(tmp_path / "again")],
        env={"DATABASE_URL": migrated_sqlite_url},
    )
    assert "were exported before" in refused.stderr
    assert not (tmp_path / "again").exists()


def test_what_is_handed_back_before_is_left_out_and_after_it_the_old_ones(
    old: Stores, new: Stores
) -> None:
    """The old database may be a backup without the lease of a tail, and the new one cannot tell."""
    first, second = old.store("a:1:a"), old.store("b:1:b")
    first.lease("default", 1)
    held = second.lease("default", 1).block
    first.hand_back("default", [Block(4000, 10_000)])
    transfer.import_(new.database, exported(old))
    second.hand_back("default", [Block(held.end - 10, held.end)])

    assert Block(20_000, 30_000) == new.store().lease("default", 1).block
    assert Block(19_990, 20_000) == old.store().lease("default", 1).block
    with pytest.raises(SeriesExhaustedError):
        old.store().lease("default", 1)


def test_series_keys_and_batches_come_along(old: Stores, new: Stores) -> None:
    old.create(
        "s10-post",
        pattern=POST,
    )
    old.store().lease("default", 1)
    old.change(
        "INSERT INTO batch (key, fingerprint, token, ranges, issued_at, expires_at) VALUES"
        " ('done', 'f', 't', '[[0, 5]]', '2026-01-01', '2999-02-01'),"
        " ('under way', 'f', 't', NULL, NULL, '2999-02-01'),"
        " ('over', 'f', 't', '[[5, 9]]', '2025-01-01', '2025-02-01')"
    )
    before = old.series.all()
    transfer.import_(new.database, exported(old))

    assert before == new.series.all()
    assert [("done", [[0, 5]])] == new.rows("SELECT key, ranges FROM batch")
    # The sequences go on after the ids that came.
    new.create("another", pattern=ROUTED)
    assert {"another", "default", "s10-post"} == {record.name for record in new.series.all()}


def test_a_new_server_is_no_failover(old: Stores, new: Stores) -> None:
    old.store().lease("default", 1)
    old.change("UPDATE series SET timeline = '1/00000001'")
    transfer.import_(new.database, exported(old))
    new.store().lease("default", 1)

    assert [(0, 10_000, "leased"), (10_000, 20_000, "leased")] == new.states("default")


def test_it_goes_back_to_sqlite_as_well(new: Stores, old: Stores) -> None:
    new.store().lease("default", 3)
    transfer.import_(old.database, exported(new))

    assert Block(30_000, 40_000) == old.store().lease("default", 1).block


def test_reopened_it_goes_on_where_it_was(old: Stores, migrated_sqlite_url: str) -> None:
    old.store().lease("default", 1)
    exported(old)
    done = flask("series", "reopen", env={"DATABASE_URL": migrated_sqlite_url})
    assert 0 != done.returncode
    do(migrated_sqlite_url, "series", "reopen", "--yes")

    assert Block(10_000, 20_000) == old.store().lease("default", 1).block
    assert "more" == old.create("more", pattern=ROUTED).name
    with pytest.raises(MovedError, match="no series of this database is sealed"):
        transfer.reopen(old.database)


def test_a_sealed_series_is_not_skipped_for_to_reopen_it_would_take_that_back(
    old: Stores, migrated_sqlite_url: str
) -> None:
    """After a restore from a backup, the operator would take each series for skipped."""
    old.store().lease("default", 1)
    exported(old)
    refused = fails(
        *["series", "skip", "default", "--by", "1000000000", "--yes"],
        env={"DATABASE_URL": migrated_sqlite_url},
    )
    do(migrated_sqlite_url, "series", "reopen", "--yes")
    do(migrated_sqlite_url, *["series", "skip", "default", "--by", "1000000000", "--yes"])

    assert "default is sealed" in refused.stderr
    assert "`flask series reopen` first" in refused.stderr
    assert 1_000_010_000 == old.store().lease("default", 1).block.start


def test_a_series_that_ran_out_is_moved_like_any_other(old: Stores, new: Stores) -> None:
    end = old.create("few", serials=25, block_size=10, pattern=ROUTED).end_serial
    store = old.store()
    for _ in range(3):
        store.lease("few", 1)
    # Its tail is left out, though nothing else of it is left.
    store.hand_back("few", [Block(end - 3, end)])
    transfer.import_(new.database, exported(old))

    with pytest.raises(SeriesExhaustedError, match="was moved to another database"):
        store.lease("few", 1)
    with pytest.raises(SeriesExhaustedError):
        new.store().lease("few", 1)


def test_a_database_that_was_exported_makes_no_series_and_is_not_exported_again(
    old: Stores,
) -> None:
    """A second export would seal, and a reopening open, what the first one gave away."""
    exported(old)

    with pytest.raises(MovedError):
        old.create("late", number_space="a space of its own")
    with pytest.raises(MovedError):
        exported(old)


def test_no_series_is_made_while_an_export_is_under_way(new: Stores) -> None:
    """It would be exported as it began, and leased from here until the seal: twice, then."""
    made = threading.Event()
    refused: list[Exception] = []

    def make() -> None:
        with Stores(new.text) as others:
            try:
                others.create("late", number_space="a space of its own")
            except (MovedError, StoreUnavailableError) as error:
                refused.append(error)
            else:
                made.set()

    thread = threading.Thread(target=make)

    def write(line: str) -> None:
        if json.loads(line).get("format"):
            thread.start()
            wait_until(
                lambda: made.is_set() or waiting_for_a_lock(new),
                seconds=20,
                what="the other to wait, or not to",
            )

    transfer.export(new.database, write, keep=lambda: None)
    thread.join(20)

    assert not made.is_set()
    assert 1 == len(refused)


def test_an_export_that_cannot_be_kept_seals_nothing(old: Stores) -> None:
    def keep() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        transfer.export(old.database, lambda line: None, keep=keep)

    assert Block(0, 10_000) == old.store().lease("default", 1).block


def test_an_export_whose_last_line_is_lost_says_how_to_take_the_seal_back(old: Stores) -> None:
    def write(line: str) -> None:
        if "sealed" in json.loads(line):
            raise OSError(28, "No space left on device")

    with pytest.raises(ExportError, match="No space left on device.*series reopen` takes that"):
        transfer.export(old.database, write, keep=lambda: None)
    transfer.reopen(old.database)

    assert Block(0, 10_000) == old.store().lease("default", 1).block


def test_an_export_leaves_out_what_a_failover_has_forgotten(new: Stores, old: Stores) -> None:
    """Instances may hold blocks that the server does not know of, and has not leased since."""
    new.store().lease("default", 1)
    new.change("UPDATE series SET timeline = '7311/00000001'")
    transfer.import_(old.database, exported(new))

    assert old.store().lease("default", 1).block.start >= 10_000 + 10**13 // 100
    transfer.reopen(new.database)
    assert new.store().lease("default", 1).block.start >= 10_000 + 10**13 // 100


def test_the_file_is_for_its_owner_alone(migrated_sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "export"
    do(migrated_sqlite_url, "series", "export", "--output", str(path))

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert {"sealed"} == json.loads(path.read_text().splitlines()[-1]).keys()


def test_a_file_that_is_there_is_left_alone(migrated_sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "export").write_text("mine")
    refused = fails(
        *["series", "export", "--output", str(tmp_path / "export")],
        env={"DATABASE_URL": migrated_sqlite_url},
    )

    assert "exists already" in refused.stderr
    assert "mine" == (tmp_path / "export").read_text()
    do(migrated_sqlite_url, "blocks", "lease")


def test_it_goes_through_a_pipe(
    migrated_sqlite_url: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    text = do(migrated_sqlite_url, "series", "export", "--output", "-")
    (tmp_path / "export").write_text(text)
    do(migrated_postgres_url, "series", "import", str(tmp_path / "export"))

    # A heading, a space, a series, and two lines that end it.
    assert 5 == len(text.splitlines())


def test_a_database_that_is_in_use_takes_no_import(old: Stores, new: Stores) -> None:
    lines = exported(old)
    new.store().lease("default", 1)

    with pytest.raises(ExportError, match="have been leased"):
        transfer.import_(new.database, lines)


def test_a_database_with_an_instance_takes_no_import(
    old: Stores, new: Stores, migrated_postgres_url: str
) -> None:
    lines = exported(old)
    new.change("UPDATE series SET next_serial = end_serial")
    with Instance({"DATABASE_URL": migrated_postgres_url}) as instance:
        assert 503 == instance.get("/readyz").status
        with pytest.raises(ExportError, match="an instance is connected"):
            transfer.import_(new.database, lines)
        assert 0 == instance.terminate()
    transfer.import_(new.database, lines)
    with Instance({"DATABASE_URL": migrated_postgres_url}) as instance:
        wait_until_ready(instance)
