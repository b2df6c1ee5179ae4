"""Handing back: what was not spent is leased again, and what was spent never is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from sqlalchemy import event

from tests.support.commands import ROOT, environment
from tests.support.hand_back_worker import LEASED, SERIALS, SPENT, name
from tests.support.stores import Stores
from tracking_service.allocation import Block
from tracking_service.errors import SeriesExhaustedError

SERIES = "small"


def returned_blocks(stores: Stores) -> int:
    [(count,)] = stores.rows("SELECT returned_blocks FROM series WHERE name = :n", n=SERIES)
    assert isinstance(count, int)
    return count


def leased_to_the_end(stores: Stores, series: str) -> list[int]:
    """Every serial that whoever comes after can have."""
    store = stores.store("host:9:bbbb")
    given: list[int] = []
    while True:
        try:
            block = store.lease(series, 1).block
        except SeriesExhaustedError:
            return given
        given += range(block.start, block.end)


@pytest.mark.parametrize(
    "unspent, expected",
    [
        ([Block(0, 10)], [(0, 10, "returned")]),
        ([Block(3, 10)], [(0, 3, "spent"), (3, 10, "returned")]),
        ([Block(9, 10)], [(0, 9, "spent"), (9, 10, "returned")]),
        ([], [(0, 10, "spent")]),
    ],
    ids=["untouched", "partly spent", "spent but for the last", "wholly spent"],
)
def test_what_is_left_of_a_block_goes_back(
    stores: Stores, unspent: list[Block], expected: list[tuple[int, int, str]]
) -> None:
    store = stores.store()
    store.lease(SERIES, 1)

    assert sum(map(len, unspent)) == store.hand_back(SERIES, unspent)
    assert expected == stores.states(SERIES)
    assert len(unspent) == returned_blocks(stores)
    assert [(0,)] == stores.rows("SELECT count(*) FROM block WHERE released_at IS NULL")


def test_several_blocks_go_back_at_once(stores: Stores) -> None:
    store = stores.store()
    for blocks in (1, 2, 1):
        store.lease(SERIES, blocks)

    # The rest of the block in use, then the reserve.
    assert 15 == store.hand_back(SERIES, [Block(25, 30), Block(30, 40)])
    assert [
        (0, 10, "spent"),
        (10, 25, "spent"),
        (25, 30, "returned"),
        (30, 40, "returned"),
    ] == stores.states(SERIES)


def test_handing_back_again_changes_nothing(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    store.hand_back(SERIES, [Block(3, 10)])
    before = stores.states(SERIES)

    assert 0 == store.hand_back(SERIES, [Block(3, 10)])
    assert before == stores.states(SERIES)
    assert 1 == returned_blocks(stores)

    # Nor where the tail has gone to another instance meanwhile.
    stores.store("host:2:bbbb").lease(SERIES, 1)

    assert 0 == store.hand_back(SERIES, [Block(3, 10)])
    assert [(0, 3, "spent"), (3, 10, "leased")] == stores.states(SERIES)


def test_a_foreign_block_is_left_alone(stores: Stores) -> None:
    ours, theirs = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    ours.lease(SERIES, 1)
    theirs.lease(SERIES, 1)

    assert 0 == ours.hand_back(SERIES, [Block(15, 20)])
    assert [(0, 10, "spent"), (10, 20, "leased")] == stores.states(SERIES)


def test_a_block_of_the_same_name_that_was_not_given_here_is_left_alone(stores: Stores) -> None:
    """Its commit was in doubt, or the name is another process's."""
    first, second = stores.store("host:1:aaaa"), stores.store("host:1:aaaa")
    first.lease(SERIES, 1)
    second.lease(SERIES, 1)

    assert 0 == second.hand_back(SERIES, [Block(5, 10)])
    assert [(0, 10, "leased"), (10, 20, "spent")] == stores.states(SERIES)


def test_a_lease_that_was_left_out_does_not_count_as_spent(stores: Stores) -> None:
    """Its block was refused or in doubt: none of its numbers was issued."""
    store = stores.store()
    store.leave_out(store.lease(SERIES, 1))
    store.lease(SERIES, 1)

    assert 0 == store.hand_back(SERIES, [])
    assert [(0, 10, "leased"), (10, 20, "spent")] == stores.states(SERIES)


def test_a_block_with_the_id_of_one_that_was_forgotten_is_left_alone(stores: Stores) -> None:
    """A failover forgot a lease, and the commit of another one of this instance was in doubt."""
    store = stores.store()
    forgotten = store.lease(SERIES, 1)
    stores.change('UPDATE block SET start = 500, "end" = 510')

    assert [(forgotten.block_id,)] == stores.rows("SELECT id FROM block")
    assert 0 == store.hand_back(SERIES, [])
    assert [(500, 510, "leased")] == stores.states(SERIES)


def test_an_unspent_part_that_fits_no_block_is_thrown_away(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)
    store.lease(SERIES, 1)

    # One begins in a block and ends in another one, and one begins within the other.
    assert 0 == store.hand_back(SERIES, [Block(5, 20), Block(7, 9)])
    assert [(0, 10, "spent"), (10, 20, "spent")] == stores.states(SERIES)


def test_unspent_parts_amid_a_block_are_skipped(stores: Stores) -> None:
    """Numbers were written ahead and never handed out: they are not to verify as issued."""
    store = stores.store()
    store.lease(SERIES, 2)
    store.lease(SERIES, 1)
    unspent = [Block(4, 6), Block(0, 2), Block(9, 12), Block(12, 13), Block(19, 20), Block(25, 28)]

    assert 1 == store.hand_back(SERIES, unspent)
    assert [
        (0, 2, "skipped"),
        (2, 4, "spent"),
        (4, 6, "skipped"),
        (6, 9, "spent"),
        (9, 13, "skipped"),
        (13, 19, "spent"),
        (19, 20, "returned"),
        (20, 25, "spent"),
        (25, 28, "skipped"),
        (28, 30, "spent"),
    ] == stores.states(SERIES)
    assert [19, *range(30, 1000)] == leased_to_the_end(stores, SERIES)


def test_parts_that_touch_go_back_as_one_tail(stores: Stores) -> None:
    store = stores.store()
    store.lease(SERIES, 1)

    assert 5 == store.hand_back(SERIES, [Block(7, 10), Block(5, 7)])
    assert [(0, 5, "spent"), (5, 10, "returned")] == stores.states(SERIES)


def test_what_a_long_life_leased_goes_back_in_a_few_statements(stores: Stores) -> None:
    """One for each block would outlast a shutdown: S10 leases thousands a day."""
    stores.create("long", serials=30_000, number_space="long")
    store = stores.store()
    for _ in range(1_500):
        store.lease("long", 1)
    statements: list[str] = []
    event.listen(stores.leases, "before_cursor_execute", lambda *asked: statements.append(asked[2]))

    assert 15 == store.hand_back("long", [Block(14_975, 14_980), Block(14_990, 15_000)])
    assert len(statements) < 10
    assert {"spent": 1_499, "returned": 2} == Counter(state for *_, state in stores.states("long"))


def test_of_a_large_tail_no_more_is_leased_than_was_wanted(stores: Stores) -> None:
    busy, idle = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    busy.lease(SERIES, 3)
    busy.hand_back(SERIES, [Block(5, 30)])

    assert [Block(5, 15), Block(15, 25)] == [idle.lease(SERIES, 1).block for _ in range(2)]
    assert 1 == returned_blocks(stores)
    assert [
        (0, 5, "spent"),
        (5, 15, "leased"),
        (15, 25, "leased"),
        (25, 30, "returned"),
    ] == stores.states(SERIES)
    # What is left of it, then the counter goes on.
    assert [Block(25, 30), Block(30, 40)] == [idle.lease(SERIES, 1).block for _ in range(2)]
    assert 0 == returned_blocks(stores)


def test_a_part_of_a_tail_goes_back_like_any_block(stores: Stores) -> None:
    first, second = stores.store("host:1:aaaa"), stores.store("host:2:bbbb")
    first.lease(SERIES, 3)
    first.hand_back(SERIES, [Block(5, 30)])
    second.lease(SERIES, 1)

    assert 8 == second.hand_back(SERIES, [Block(7, 15)])
    assert [
        (0, 5, "spent"),
        (5, 7, "spent"),
        (7, 15, "returned"),
        (15, 30, "returned"),
    ] == stores.states(SERIES)
    assert list(range(7, 1000)) == leased_to_the_end(stores, SERIES)


def test_a_tail_that_goes_back_twice_is_never_spent_twice(stores: Stores) -> None:
    serials: Counter[int] = Counter()
    for turn in range(4):
        store = stores.store(f"host:{turn}:aaaa")
        block = store.lease(SERIES, 1).block
        spent = min(block.end, block.start + 3)
        serials.update(range(block.start, spent))
        rest = [Block(spent, block.end)] if spent < block.end else []
        store.hand_back(SERIES, rest)

    assert set(range(10)) == set(serials)
    assert {1} == set(serials.values())


def test_a_process_killed_at_any_step_repeats_nothing_and_stops_nobody(stores: Stores) -> None:
    url = stores.text
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hand_back_worker", url],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert 0 == done.returncode, done.stderr
    killed = int(done.stdout)
    everything: set[str] = set()
    for step in range(killed + 1):
        states = {state for *_, state in stores.states(name(step))}
        everything |= states
        given = leased_to_the_end(stores, name(step))
        expected = set(range(LEASED, SERIALS))
        if states != {"leased"}:
            expected |= set(range(SPENT, LEASED))

        assert len(given) == len(set(given))
        assert expected == set(given)

    # Lock, read, three blocks, the tail's row, the count, the commit, the moment after.
    assert 8 <= killed
    assert {"leased", "spent", "returned"} == everything
