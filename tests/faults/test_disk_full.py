"""The disk is full, for database and high-water marks: what is in memory is still given out."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from tests.support.at_once import at_once
from tests.support.fleet import Fleet, readiness, wait_for_reserve
from tests.support.instance import Instance
from tests.support.ledger import Ledger, judge
from tests.support.load import Load
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

RATE = 200.0


@contextmanager
def no_file_grows(fleet: Fleet) -> Iterator[None]:
    """Let every write of the instances fail that would make a file larger, or change one at all.

    A limit on the size of files needs no rights and no file system of its own, and meets SQLite
    as a full disk does: in the middle of a write.
    """
    limits = [(process(one), process(one).rlimit(psutil.RLIMIT_FSIZE)) for one in fleet]
    for limited, (_, hard) in limits:
        limited.rlimit(psutil.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for limited, former in limits:
            limited.rlimit(psutil.RLIMIT_FSIZE, former)


def process(instance: Instance) -> psutil.Process:
    return psutil.Process(instance.pid)


@contextmanager
def no_marks(folder: Path) -> Iterator[None]:
    """Let every write of the high-water marks in `folder` end in ENOSPC."""
    link = path_of_lock(folder).with_suffix(".new")
    with alone(folder):
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/full")
    try:
        yield
    finally:
        with alone(folder):
            link.unlink()


def path_of_lock(folder: Path) -> Path:
    """The lock of the marks of the default series."""
    (path,) = folder.glob("high-water-marks/default.*.lock")
    return path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock under which instances write the marks: none is in the midst of it."""
    with path_of_lock(folder).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def full(instance: Instance) -> bool:
    """Whether /readyz says that leasing fails, and why, other than by the database's being away."""
    _, body = readiness(instance)
    return body["database"] == "up" and "its disk may be full" in body.get("reason", "")


def leased(url: str) -> int:
    return len(Ledger.read(url).rows)


def test_a_full_disk_under_sqlite_stops_no_request_while_a_reserve_is_left(
    migrated_sqlite_url: str, resize: Callable[[str, int], None]
) -> None:
    url = migrated_sqlite_url
    resize(url, 100)
    with Fleet(url, 2, TRACKING_RESERVE_SECONDS="10") as fleet:
        with Load(fleet.addresses, clients=4, rate=RATE) as load:
            for instance in fleet:
                wait_for_reserve(instance, 8)
            before = leased(url)
            with no_file_grows(fleet):
                for instance in fleet:
                    wait_until(partial(full, instance), seconds=60, what="a full disk")
                load.wait_for(400)
                status, body = readiness(fleet[0])
            wait_until(lambda: leased(url) > before, seconds=20, what="leases to go on")
        judgement = judge(load.history, url)

    assert 200 == status
    assert body["reserve_seconds"] > 0
    # It answers, and a caller is not sent to look for it.
    assert "up" == body["database"]
    assert "cannot be reached" not in body["reason"]
    assert judgement.honest, judgement
    assert 0 == judgement.verdict.failures + judgement.verdict.perhaps, judgement


def test_instances_that_a_full_disk_ran_dry_come_back(
    migrated_sqlite_url: str, shrink: Callable[[str, int], None]
) -> None:
    url = migrated_sqlite_url
    shrink(url, 100)
    with Fleet(url, 2) as fleet:
        with Load(fleet.addresses, clients=8, rate=400) as load:
            load.wait_for(300)
            with no_file_grows(fleet):
                wait_until(
                    lambda: load.history.verdict().failed.get(503, 0) > 200,
                    seconds=20,
                    what="refusals",
                )
                healthy = fleet[0].get("/healthz").status
                status, _ = readiness(fleet[0])
            for instance in fleet:
                load.wait_for(200, address=instance.address)
        judgement = judge(load.history, url)

    assert (200, 503) == (healthy, status)
    assert judgement.honest, judgement
    assert {503} == set(judgement.verdict.failed)
    assert 0 == judgement.verdict.perhaps


def test_a_block_whose_lease_cannot_be_recorded_is_not_used_until_it_can(
    migrated_sqlite_url: str,
    server: PostgresServer,
    shrink: Callable[[str, int], None],
    tmp_path: Path,
) -> None:
    urls = {"sqlite": migrated_sqlite_url, "postgresql": server.url("tracking")}

    def is_not_used(database: str) -> None:
        shrink(urls[database], 100)
        block_is_not_used(urls[database], tmp_path / database)

    at_once(is_not_used, {database: database for database in urls})


def block_is_not_used(url: str, state: Path) -> None:
    with Fleet(url, 2, TRACKING_STATE_DIR=str(state)) as fleet:
        # Some of them wait a while for every refusal; the more they are, the fewer are those.
        with Load(fleet.addresses, clients=16, rate=400) as load:
            load.wait_for(300)
            with no_marks(state):
                wait_until(
                    lambda: load.history.verdict().failed.get(503, 0) > 400,
                    seconds=20,
                    what="refusals",
                )
                held = leased(url)
                _, body = readiness(fleet[0])
                refused = load.history.verdict().failed[503]
                wait_until(
                    lambda: load.history.verdict().failed.get(503, 0) > refused + 400,
                    seconds=20,
                    what="more refusals",
                )
                still_held = leased(url)
            for instance in fleet:
                load.wait_for(200, address=instance.address)
        judgement = judge(load.history, url)

    assert judgement.honest, judgement
    assert "high-water marks" in body["detail"]
    # It is tried again with the block that was leased; a scarce series is not used up by trying.
    assert held == still_held
    assert 0 == judgement.verdict.perhaps
