"""An upgrade that nobody notices: the first version's instances run on while this one takes over."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import first_version
from tests.support.client import PARAMETERS, Response
from tests.support.commands import migrate
from tests.support.first_version import FirstDatabase
from tests.support.fleet import wait_until_ready
from tests.support.instance import Instance
from tests.support.load import Load
from tests.support.oracle import History
from tests.support.stores import Stores
from tracking_service import __version__
from tracking_service.allocation import Block, HighWaterMarks, Lease
from tracking_service.numbering.builtin import built_in

NUMBERS = 100

MARKED = "0123abcd/default"
RECORD = f"""
import sys
from pathlib import Path
from tracking_service.allocation import Block, HighWaterMarkFile, Lease
marks = HighWaterMarkFile(Path(sys.argv[1]), lock_seconds=0.05)
reading = marks.read("{MARKED}")
number = int(sys.argv[2])
lease = Lease(Block(number, number + 1), number, True, remaining=0, block_id=number)
assert [] == marks.record("{MARKED}", lease, instance="host:1:before", since=reading)
print(reading.mark.number)
"""
"""What the version before does at a lease; prints the highest number that it knew of."""


def version(instance: Instance) -> str:
    """What the instance says that it is."""
    said: str = instance.get("/openapi.json").json()["info"]["version"]
    return said


def ask(history: History, *instances: Instance) -> None:
    """Some numbers of each."""
    with Load([each.address for each in instances], rate=200, history=history) as load:
        for each in instances:
            load.wait_for(NUMBERS, address=each.address)


def test_an_upgrade_fails_no_request_and_every_number_verifies(
    first_database: FirstDatabase, tmp_path: Path
) -> None:
    """As docs/operations.md says: the schema first, then the instances, one after the other."""
    url, state_dir = first_database.url, tmp_path / "state"
    installed = first_version.install(tmp_path / "installed")
    history = History()
    with ExitStack() as running:

        def started(instance: Instance) -> Instance:
            running.enter_context(instance)
            wait_until_ready(instance)
            return instance

        def present() -> Instance:
            env = {"DATABASE_URL": url, "TRACKING_STATE_DIR": str(state_dir)}
            return started(Instance(env))

        one, two = (
            started(first_version.instance(url, installed, state_dir=state_dir)) for _ in range(2)
        )
        assert [first_version.VERSION] * 2 == [version(one), version(two)]
        with Load([one.address, two.address], rate=200, history=history) as load:
            load.wait_for(NUMBERS)
            migrate(url)
            load.wait_for(NUMBERS)
        assert 0 == one.terminate()
        three = present()
        ask(history, two, three)
        assert 0 == two.terminate()
        four = present()
        ask(history, three, four)
        # What an instance holds counts as reserved to the others till it ends.
        assert 0 == three.terminate()

        assert __version__ == version(four)
        verdict = history.verdict()
        assert verdict.unique, str(verdict)
        assert 0 == verdict.failures == verdict.perhaps
        known = {*history.numbers(), *first_database.issued}
        verified = {number: four.get(f"/api/tracking-numbers/{number}").json() for number in known}

    assert {"issued"} == {each["status"] for each in verified.values()}
    assert {"default"} == {verified[number]["series"] for number in history.numbers()}


def test_an_instance_of_the_version_before_refuses_what_a_successor_has_answered(
    first_database: FirstDatabase, tmp_path: Path
) -> None:
    """It would write the successor's serials as numbers of the series that was asked for."""
    url, state_dir = first_database.url, tmp_path / "state"
    installed = first_version.install(tmp_path / "installed")
    env = {"DATABASE_URL": url, "TRACKING_STATE_DIR": str(state_dir)}
    batch = json.dumps({**PARAMETERS, "series": "my-post", "count": 5}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "order-1"}

    def ask(instance: Instance) -> Response:
        return instance.request("POST", "/api/tracking-numbers", headers=headers, body=batch)

    with (
        first_version.instance(url, installed, state_dir=state_dir) as before,
        ExitStack() as later,
    ):
        migrate(url)
        with Stores(url) as stores:
            pattern = built_in("s10", {"service": "RB", "country": "MY"}, {"MY"})
            stores.series.create("rb", pattern=pattern, serials=1_000, block_size=100)
            stores.store().skip_to("my-post", to=10**8)
            stores.series.set_successor("my-post", "rb")
        present = later.enter_context(Instance(env))
        answered, refused, again = ask(present), ask(before), ask(present)

    assert {"RB"} == {number[:2] for number in answered.json()["tracking_numbers"]}
    assert (201, 422) == (answered.status, refused.status)
    assert answered.json() == again.json()


@pytest.mark.parametrize("case", ["free", "kept by one that is stopped", "with witness.json"])
def test_both_versions_remember_what_the_other_was_given(tmp_path: Path, case: str) -> None:
    """In the file of the version before, or beside it while its lock cannot be had.

    No lease is in doubt, for none is recorded meanwhile.
    """
    installed = first_version.install(tmp_path / "installed")
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    if case == "with witness.json":
        (state_dir / "witness.json").write_text('{"series": {}}')
    marks = HighWaterMarks(state_dir, lock_seconds=0.05)

    def before(number: int) -> int:
        """The highest number known to the version before, which then records `number`."""
        command = [sys.executable, "-c", RECORD, str(state_dir), str(number)]
        environ = {**os.environ, "PYTHONPATH": str(installed)}
        run = subprocess.run(
            command, cwd=installed, env=environ, stdout=subprocess.PIPE, timeout=30, check=True
        )
        return int(run.stdout)

    def present(number: int) -> int:
        """The highest number known to this version, which then records `number`."""
        reading = marks.read(MARKED)
        lease = Lease(Block(number, number + 1), number, None, remaining=0, block_id=number)
        assert [] == marks.record(MARKED, lease, instance="host:2:present", since=reading)
        return reading.mark.lease_number

    assert 0 == before(1)
    with (state_dir / "high-water-marks.lock").open("w") as lock:
        if case == "kept by one that is stopped":
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert [1, 2, 3, 4] == [present(2), before(3), present(4), before(5)]
    assert [5, 6] == [present(6), before(7)]
