"""A primary dies, and a standby that has not heard of the last leases takes over.

The standby would lease the same serials again. That it does not is the work of the timeline check,
which the instances that start afterwards rely on, and of the high-water marks; see `broken/no_timeline.py`
for what happens without them.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.failovers import FORGOTTEN, failover
from tests.support.at_once import at_once
from tests.support.ledger import Ledger, judge
from tests.support.postgres import PostgresServer


def test_leases_that_a_failover_forgot_are_not_repeated(
    migrated_server: PostgresServer, shrink: Callable[[str, int], None]
) -> None:
    def are_not_repeated(from_the_first: bool) -> None:
        with migrated_server.copy() as server:
            shrink(server.url("tracking"), 100)
            with failover(server, from_the_first=from_the_first) as after:
                judgement = judge(after.history, after.url)
                ledger = Ledger.read(after.url)

        skipped = [row for row in ledger.rows if row.state == "skipped"]
        assert judgement.honest, judgement
        assert after.forgotten >= FORGOTTEN
        assert skipped
        assert 0 == judgement.verdict.perhaps + judgement.verdict.refused, judgement

    at_once(are_not_repeated, {"the last": False, "all": True})


def test_no_request_fails_in_a_failover_while_a_reserve_is_left(
    server: PostgresServer, set_block_size: Callable[[int], None]
) -> None:
    set_block_size(20)
    # Most leases are made in the first seconds, while each is twice as large as the one before.
    with failover(server, from_the_first=True, TRACKING_RESERVE_SECONDS="10") as after:
        judgement = judge(after.history, after.url)

    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement
