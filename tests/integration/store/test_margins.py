"""How far a series is skipped where leases may have been forgotten, and skips with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stores import Stores
from tracking_service.errors import SeriesExhaustedError
from tracking_service.store.skipping import margin

SERIES = "small"


def test_a_small_series_is_used_up_rather_than_risked(stores: Stores) -> None:
    """Thirty instances may each have leased a block that the failover forgot."""
    assert 1_000 <= margin(remaining=300, block_size=10, failover_skip=1) < 2_000


@given(
    remaining=st.integers(0, 10**13),
    block_size=st.integers(1, 10**6),
    failover_skip=st.integers(1, 10**9),
    promotions=st.integers(1, 5),
)
def test_the_margins_of_one_history_lie_apart(
    remaining: int, block_size: int, failover_skip: int, promotions: int
) -> None:
    """Whoever leased after the first of two failovers stays below what the second skips to."""
    least = max(remaining // 100, 100 * block_size, failover_skip)
    first, second = (
        margin(
            remaining=remaining,
            block_size=block_size,
            failover_skip=failover_skip,
            promotions=each,
        )
        for each in (promotions, promotions + 1)
    )

    assert least <= first
    assert first + least <= second


def test_the_margin_is_far_more_than_any_lease(stores: Stores) -> None:
    default = stores.series.find("default")
    s10 = margin(remaining=10**8, block_size=1_000, failover_skip=10**5)

    # The largest lease of each is a thousandth of what is left.
    assert 100 * 10**9 <= margin(
        remaining=default.remaining, block_size=default.block_size, failover_skip=10**9
    )
    assert 10 * 10**5 <= s10 <= 2 * 10**6


def on_timeline(stores: Stores, timeline: str) -> None:
    stores.answer_timeline(f"SELECT '{timeline}'")


def make_two_alike(stores: Stores) -> None:
    """Two series that stand for one of two databases, which know equally much of it."""
    on_timeline(stores, "7/00000001")
    for name in ("one", "other"):
        stores.create(name, serials=10**12, block_size=10_000, number_space=name)
        stores.store().lease(name, 1)


def test_two_databases_that_forgot_the_same_skip_do_not_skip_to_the_same_serial(
    stores: Stores,
) -> None:
    """As two standbys promoted one after the other, or one backup restored twice."""
    make_two_alike(stores)
    on_timeline(stores, "7/00000002")
    one, other = (stores.store().lease(name, 1).block.start for name in ("one", "other"))

    # Drawn from ten thousand million: once in 500,000 times they come within a block.
    assert abs(one - other) > 10_000


def test_a_second_failover_of_one_history_skips_beyond_where_the_first_one_led(
    stores: Stores,
) -> None:
    make_two_alike(stores)
    on_timeline(stores, "7/00000002")
    first = stores.store().lease("one", 1).block
    on_timeline(stores, "7/00000003")
    second = stores.store().lease("other", 1).block

    assert first.end + 10**12 // 100 - 10**6 < second.start


def test_lease_numbers_of_a_later_failover_exceed_those_of_an_earlier_one(stores: Stores) -> None:
    """Else marks of the first refuse a lease after the second, which is skipped once more then: to
    where a third one skips to.
    """
    make_two_alike(stores)
    on_timeline(stores, "7/00000002")
    first = [stores.store().lease("one", 1).lease_number for _ in range(3)]
    on_timeline(stores, "7/00000003")
    second = stores.store().lease("other", 1).lease_number

    assert max(first) < second


def test_a_series_knows_the_timeline_on_which_it_was_made(stores: Stores) -> None:
    """So that a first lease on a server that was promoted long ago leaves nothing out."""
    on_timeline(stores, "7/00000004")
    stores.create("few", serials=20, block_size=10, number_space="few")

    assert 0 == stores.store().lease("few", 1).block.start


def test_a_series_of_which_a_skip_leaves_nothing_stays_skipped(stores: Stores) -> None:
    on_timeline(stores, "7/00000001")
    stores.create("few", serials=20, block_size=10, number_space="few")
    stores.store().lease("few", 1)
    on_timeline(stores, "7/00000002")
    for _ in range(2):
        with pytest.raises(SeriesExhaustedError, match="few"):
            stores.store().lease("few", 1)

    # Told once by the skip, and then as of any series that ran out: it is in the database.
    assert 0 == stores.series.find("few").remaining
    assert [(0, 10, "leased"), (10, 20, "skipped")] == stores.states("few")
