"""Ten thousand malformed requests leave the process up, its memory flat, every serial told of."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.support.fleet import wait_until_ready
from tests.support.fuzz import requests, send_all
from tests.support.instance import Instance
from tests.support.ledger import Ledger
from tests.support.oracle import duplicates

WARM_UP = 2_000
COUNT = 10_000
GROWTH_MOST = 8 * 2**20  # bytes; a leak of one kilobyte a request would be ten megabytes


def test_ten_thousand_malformed_requests_do_no_harm(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_STATE_DIR": str(tmp_path)}
    with Instance(env) as instance:
        wait_until_ready(instance)
        process = psutil.Process(instance.pid)
        warm_up = send_all(instance.address, requests(WARM_UP, seed=1))
        before = process.memory_info().rss, process.num_threads()
        outcome = send_all(instance.address, requests(COUNT, seed=2))
        after = process.memory_info().rss, process.num_threads()
        last = instance.number()
        log = instance.log()

        assert 0 == instance.terminate()

    numbers = [*warm_up.numbers, *outcome.numbers, last]
    ledger = Ledger.read(migrated_sqlite_url)
    spent = sum(len(row) for row in ledger.rows if row.state == "spent")

    assert {} == duplicates(numbers)
    assert [] == ledger.unrecorded(numbers)
    assert spent == len(numbers)
    # It is no fuzzer if everything is refused at the door, nor if much is right.
    assert outcome.statuses[400] > COUNT // 2
    assert len(outcome.numbers) > 100
    assert not {status for status in outcome.statuses if status >= 500} - {501}
    assert after[0] - before[0] < GROWTH_MOST
    assert before[1] == after[1]
    assert "Traceback" not in log
