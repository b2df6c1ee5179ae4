"""What is in a spool is handed out once: after a crash at any byte, and by one buffer at a time."""

from __future__ import annotations

import logging
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from tracking_service.client import SpoolError, SpoolInUse
from tracking_service.client.spool import REWRITTEN_AFTER, Spool

LANE = ("MY", "ID", "default")


def numbers(start: int, end: int) -> list[str]:
    return [f"MYID{serial:012}" for serial in range(start, end)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def left_in(path: Path) -> tuple[str, ...]:
    """What the next buffer would find."""
    spool = Spool.open(path, LANE)
    left = spool.remaining()
    spool.close()
    return left


def test_what_was_added_outlives_the_process(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 10))
    spool.close()

    assert numbers(0, 10) == list(left_in(path))


def test_what_was_taken_is_gone_before_it_is_used(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 10))
    taken = spool.take(4)
    spool.close()

    assert numbers(0, 4) == taken
    assert numbers(4, 10) == list(left_in(path))


def test_what_is_given_back_is_the_next(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 10))
    spool.take(4)
    spool.give_back(numbers(2, 4))
    spool.close()

    assert numbers(2, 10) == list(left_in(path))


def test_no_more_is_taken_than_there_is(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 3))

    assert numbers(0, 3) == spool.take(5)
    assert [] == spool.take(5)
    spool.close()


def test_the_file_does_not_grow_without_end(path: Path) -> None:
    spool = Spool.open(path, LANE)
    longest = 0
    for batch in range(100):
        spool.add(numbers(batch * 10, batch * 10 + 10))
        spool.take(10 if batch else 5)
        longest = max(longest, path.stat().st_size)
    left = list(spool.remaining())
    spool.close()

    assert numbers(995, 1000) == left == list(left_in(path))
    assert longest < (REWRITTEN_AFTER + 4) * 10 * 20


def test_a_crash_at_any_byte_repeats_nothing(path: Path) -> None:
    """Cuts the file at each length that it had on the way from one step to the next."""
    choices = random.Random(17)
    spool = Spool.open(path, LANE)
    used: set[str] = set()
    states: list[tuple[bytes, set[str]]] = [(path.read_bytes(), set())]
    serial = 0
    for _ in range(9):
        if choices.random() < 0.4:
            count = choices.randrange(1, 6)
            spool.add(numbers(serial, serial + count))
            serial += count
        else:
            taken = spool.take(choices.randrange(1, 4))
            kept = choices.randrange(len(taken) + 1)
            # It is used once it was taken, and not before.
            states.append((path.read_bytes(), set(used)))
            used |= set(taken[:kept])
            spool.give_back(taken[kept:])
        states.append((path.read_bytes(), set(used)))
    spool.close()

    repeated = []
    opened = 0
    for (before, _), (after, used_by_then) in pairwise(states):
        begin = len(before) if after.startswith(before) else 0
        for length in range(begin, len(after) + 1):
            path.write_bytes(after[:length])
            repeated += sorted(used_by_then & set(left_in(path)))
            opened += 1

    assert opened > 60
    assert [] == repeated


@pytest.mark.parametrize(
    "content",
    [
        b"no spool",
        b"no spool\n",
        b"\0\0\0\0",
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID2',
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID2\n=1\n=',
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID2\n\0\0\0\n',
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID2\n=3\n',
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID1\n',
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+myid1\n',
        b'tracking-service-spool 2 ["MY", "ID", "default"]\n+MYID1\n',
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_for_certain_is_thrown_away(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        spool = Spool.open(path, LANE)
    spool.add(numbers(0, 2))
    spool.close()

    assert numbers(0, 2) == list(left_in(path))
    assert "thrown away" in caplog.text


def test_two_buffers_never_share_a_spool(path: Path) -> None:
    spool = Spool.open(path, LANE)
    other_name = path.with_name("link")
    other_name.hardlink_to(path)
    for name in (path, other_name):
        with pytest.raises(SpoolInUse, match="is in use: give each buffer its own"):
            Spool.open(name, LANE)
    spool.close()

    assert () == left_in(path)


def test_two_names_of_one_spool_have_its_numbers_once(path: Path) -> None:
    other_name = path.with_name("link")
    spool = Spool.open(path, LANE)
    other_name.hardlink_to(path)
    for batch in range(2 * REWRITTEN_AFTER):
        spool.add(numbers(batch * 10, batch * 10 + 10))
        spool.take(10 if batch else 5)
    left = spool.remaining()
    spool.close()

    assert left == left_in(other_name) == left_in(path)


def test_numbers_of_another_lane_are_refused_and_kept(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 3))
    spool.close()
    with pytest.raises(SpoolError, match="has 3 numbers for another lane or series"):
        Spool.open(path, ("SG", "ID", "default"))

    assert numbers(0, 3) == list(left_in(path))


def test_a_spool_that_is_used_up_may_change_its_lane(path: Path) -> None:
    spool = Spool.open(path, LANE)
    spool.add(numbers(0, 3))
    spool.take(3)
    spool.close()
    other = Spool.open(path, ("SG", "ID", "default"))
    other.add(["SGID1"])
    other.close()
    with pytest.raises(SpoolError):
        Spool.open(path, LANE)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_refused(path: Path, make: object) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(SpoolError, match="spool"):
        Spool.open(path, LANE)


def test_a_folder_that_is_missing_is_named(path: Path) -> None:
    with pytest.raises(SpoolError, match="missing/spool cannot be opened: No such file"):
        Spool.open(path.parent / "missing" / "spool", LANE)


def test_only_its_owner_may_read_a_spool(path: Path) -> None:
    Spool.open(path, LANE).close()

    assert 0o600 == path.stat().st_mode & 0o777
