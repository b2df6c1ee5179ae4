"""Eight processes on one database: what they are given is distinct, and none of them fails."""

from __future__ import annotations

from itertools import pairwise

from tests.support.lease_worker import CREATE, all_at_once
from tests.support.stores import Stores

PROCESSES = 8
EACH = 25


def test_processes_that_lease_at_once_get_distinct_blocks(stores: Stores) -> None:
    stores.create("busy", serials=100_000, number_space="busy")
    given = all_at_once(stores.text, "busy", EACH, processes=PROCESSES)

    # Nothing twice, and nothing left out either: every lease that was begun was answered.
    assert [(start, start + 10) for start in range(0, PROCESSES * EACH * 10, 10)] == sorted(given)
    assert sorted(given) == [(start, end) for start, end, _ in stores.states("busy")]
    assert [(PROCESSES * EACH,)] == stores.rows(
        "SELECT lease_count FROM series WHERE name = 'busy'"
    )


def test_processes_that_make_series_at_once_share_one_space_without_overlap(
    database_url: str,
) -> None:
    """The space is not there yet, so they make that at once as well."""
    ranges = sorted(all_at_once(database_url, CREATE, 4, processes=PROCESSES))

    assert 4 * PROCESSES == len(ranges)
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    with Stores(database_url) as stores:
        assert [(1,)] == stores.rows("SELECT count(*) FROM number_space WHERE name LIKE 'X%'")
