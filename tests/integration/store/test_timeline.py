"""Failover to a standby that has not heard of the last leases: nothing is leased again.

One primary, two standbys that are cut off before the last leasing, each promoted once: one for the
service as it is, one for the service without its check of the timeline.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.commands import migrate
from tests.support.postgres import PostgresServer
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.store.database import Use
from tracking_service.store.skipping import LEASES_AHEAD, RandBelow
from tracking_service.store.timeline import server_timeline

SERIES = "small"
SERIALS = 100_000
HUNDRED_BLOCKS = 1_000
# Series of which both standbys know as much, and lease.
TWICE = ("both", "both-without-chance")


@dataclass(frozen=True)
class Failover:
    """A primary that died, what it had leased, and two standbys that do not know all of it."""

    leased: list[Block]
    database: str
    standby: PostgresServer
    other_standby: PostgresServer


@pytest.fixture(scope="module")
def failover() -> Iterator[Failover]:
    with PostgresServer.create() as primary:
        database = primary.create_database()
        migrate(primary.url(database))
        with (
            Stores(primary.url(database)) as stores,
            primary.base_backup() as standby,
            primary.base_backup() as other_standby,
        ):
            stores.create(SERIES, serials=SERIALS)
            store = stores.store()
            for name in TWICE:
                stores.create(name, serials=10**9, number_space=name)
                store.lease(name, 1)
            leased = [store.lease(SERIES, 1).block for _ in range(3)]
            # A tail that both know of; that it was leased again, only the primary will.
            tail = Block(25, 30)
            store.hand_back(SERIES, [tail])
            for each in (standby, other_standby):
                primary.wait_for_standby(each)
                each.stop_receiving()
            leased[2] = Block(20, 25)
            leased += [store.lease(SERIES, 1).block for _ in range(4)]
            primary.kill()
            yield Failover(leased, database, standby, other_standby)


def test_a_new_timeline_skips_the_series_ahead(failover: Failover) -> None:
    standby = failover.standby
    [(checkpointer,)] = standby.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    )
    # The first lease is to come before the first checkpoint on the new timeline.
    os.kill(checkpointer, signal.SIGSTOP)
    try:
        standby.promote()
        with Stores(standby.url(failover.database)) as stores:
            counter = stores.counter(SERIES)
            first = stores.store("host:3:cccc").lease(SERIES, 1)
            states = stores.states(SERIES)
            [(checkpoint,)] = standby.execute("SELECT timeline_id FROM pg_control_checkpoint()")
            [(timeline,)] = stores.rows("SELECT timeline FROM series WHERE name = 'small'")
    finally:
        os.kill(checkpointer, signal.SIGCONT)

    # What the control file tells would have been too late.
    assert 1 == checkpoint
    assert timeline.endswith("/00000002")
    # Three leases and a tail were forgotten; all of it is left out, and a hundred blocks at least.
    assert Block(25, 30) in failover.leased
    assert 30 == counter
    start = first.block.start
    assert max(block.end for block in failover.leased) <= start
    assert 40 + HUNDRED_BLOCKS <= start < 40 + 2 * HUNDRED_BLOCKS
    assert first.new_timeline
    # Above every high-water mark: nobody takes it for a database that went backwards.
    assert first.lease_number > LEASES_AHEAD
    assert [
        (0, 10, "spent"),
        (10, 20, "spent"),
        (20, 25, "spent"),
        (25, 30, "skipped"),
        (30, start, "skipped"),
        (start, start + 10, "leased"),
    ] == states


def promoted(standby: PostgresServer) -> PostgresServer:
    """The standby as a primary, whether a test before this one made it one or not."""
    if standby.execute("SELECT pg_is_in_recovery()") == [(True,)]:
        standby.promote()
    return standby


def test_a_series_whose_first_lease_comes_after_a_failover_is_skipped_as_well(
    failover: Failover,
) -> None:
    """Every lease that it had may have been forgotten, and the primary's timeline with it."""
    with Stores(promoted(failover.standby).url(failover.database)) as stores:
        default = stores.store("host:3:cccc").lease("default", 1).block

    # A hundredth of the series, and up to as much again.
    assert 10**11 - 10_000 < default.start < 2 * 10**11 + 10_000


def test_the_same_timeline_skips_once(failover: Failover) -> None:
    with Stores(promoted(failover.standby).url(failover.database)) as stores:
        store = stores.store("host:3:cccc")
        before = store.lease(SERIES, 1).block
        after = store.lease(SERIES, 1).block

    assert before.end == after.start


def test_without_the_check_the_forgotten_leases_are_repeated(failover: Failover) -> None:
    """A test of the test above."""
    failover.other_standby.promote()
    with Stores(failover.other_standby.url(failover.database)) as stores:
        stores.answer_timeline(None)
        store = stores.store("host:3:cccc")
        again = [store.lease(SERIES, 1).block for _ in range(4)]

    # Every one of them: the tail and three blocks.
    assert failover.leased[-4:] == again


def leased_by_both(
    failover: Failover, series: str, *, randbelow: RandBelow = secrets.randbelow
) -> list[Block]:
    blocks = []
    for standby in (failover.standby, failover.other_standby):
        with Stores(promoted(standby).url(failover.database)) as stores:
            stores.randbelow = randbelow
            blocks.append(stores.store("host:3:cccc").lease(series, 1).block)
    return blocks


def test_a_second_standby_that_knows_nothing_of_the_first_leases_elsewhere(
    failover: Failover,
) -> None:
    """The one promoted first dies, too, before the other has begun to follow it."""
    first, second = leased_by_both(failover, "both")

    # Drawn from ten million serials.
    assert abs(first.start - second.start) > 100


def test_without_chance_both_would_lease_the_same(failover: Failover) -> None:
    """A test of the test above."""
    first, second = leased_by_both(failover, "both-without-chance", randbelow=lambda _: 0)

    assert first == second


def test_each_connection_to_one_server_sees_one_timeline(postgres: Stores) -> None:
    seen = set()
    for _ in range(2):
        with postgres.database.transaction(Use.LEASE) as connection:
            seen.add(server_timeline(connection))
        postgres.database.close()

    (timeline,) = seen
    assert timeline is not None
    system, _, number = timeline.partition("/")
    assert [(system,)] == postgres.rows("SELECT system_identifier::text FROM pg_control_system()")
    assert 8 == len(number)


def test_a_first_lease_skips_nothing(postgres: Stores) -> None:
    assert Block(0, 10) == postgres.store().lease(SERIES, 1).block
    assert [(0, 10, "leased")] == postgres.states(SERIES)


def test_sqlite_has_no_timeline(sqlite: Stores) -> None:
    with sqlite.database.transaction(Use.LEASE) as connection:
        assert server_timeline(connection) is None
    sqlite.store().lease(SERIES, 1)

    assert [(None,)] == sqlite.rows("SELECT timeline FROM series WHERE name = 'small'")


def test_a_role_that_may_not_see_the_timeline_leases_without_the_check(
    failover: Failover, caplog: pytest.LogCaptureFixture
) -> None:
    server, database = promoted(failover.standby), failover.database
    server.execute(
        "CREATE ROLE plain LOGIN;"
        " REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;"
        " GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO plain;"
        " GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO plain",
        database=database,
    )
    url = server.url(database).replace("postgres@", "plain@")
    with Stores(url) as stores, caplog.at_level(logging.WARNING):
        timeline = stores.rows("SELECT timeline FROM series WHERE name = 'small'")
        store = stores.store("host:4:dddd")
        given = [store.lease(SERIES, 1).block for _ in range(3)]

        assert timeline == stores.rows("SELECT timeline FROM series WHERE name = 'small'")

    assert [10, 10, 10] == [len(block) for block in given]
    assert given == sorted(set(given))
    # Said once for a connection, not at every lease.
    assert ["the server tells no timeline; a failover that lost commits goes unseen"] == [
        record.getMessage() for record in caplog.records
    ]
