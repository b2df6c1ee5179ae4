"""What is in a spool is handed out once: after a crash at any byte, and by one buffer at a time."""

from __future__ import annotations

import os
import random
import resource
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.spools import left_in, numbers, opened, written
from tracking_service.client import SpoolError, SpoolInUse
from tracking_service.client.spool import REWRITTEN_AFTER

# From 3.12 Python warns of a fork amid threads, which is what is tried here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_what_was_added_outlives_the_process(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 10))
    spool.close()

    assert numbers(0, 10) == list(left_in(path))


def test_what_was_taken_is_gone_before_it_is_used(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 10))
    taken = spool.take(4)
    spool.close()

    assert numbers(0, 4) == taken
    assert numbers(4, 10) == list(left_in(path))


def test_what_is_given_back_is_the_next(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 10))
    spool.take(4)
    spool.give_back(numbers(2, 4))
    spool.close()

    assert numbers(2, 10) == list(left_in(path))


def test_what_was_taken_before_the_file_was_written_anew_is_kept_when_given_back(
    path: Path,
) -> None:
    spool = opened(path)
    spool.add(numbers(0, 10))
    spool.take(10)
    # Nothing is left in it, so it is written anew.
    spool.add(numbers(10, 20))
    spool.take(2)
    spool.give_back(numbers(7, 12))
    assert sorted(spool.remaining()) == numbers(7, 20)
    spool.close()

    assert sorted(left_in(path)) == numbers(7, 20)


def test_a_full_disk_leaves_what_was_there(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 10))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            spool.add(numbers(10, 30))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        spool.close()

    assert numbers(0, 10) == list(left_in(path))


def test_no_more_is_taken_than_there_is(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 3))

    assert numbers(0, 3) == spool.take(5)
    assert [] == spool.take(5)
    spool.close()


def test_the_file_does_not_grow_without_end(path: Path) -> None:
    spool = opened(path)
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
    spool = opened(path)
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
    tried = 0
    for (before, _), (after, used_by_then) in pairwise(states):
        begin = len(before) if after.startswith(before) else 0
        for length in range(begin, len(after) + 1):
            path.write_bytes(after[:length])
            repeated += sorted(used_by_then & set(left_in(path)))
            tried += 1

    assert tried > 60
    assert [] == repeated


def test_two_buffers_never_share_a_spool(path: Path) -> None:
    spool = opened(path)
    other_name = path.with_name("link")
    other_name.hardlink_to(path)
    for name in (path, other_name):
        with pytest.raises(SpoolInUse, match="is in use: give each buffer its own"):
            opened(name)
    spool.close()

    assert () == left_in(path)


def test_two_names_of_one_spool_have_its_numbers_once(path: Path) -> None:
    other_name = path.with_name("link")
    spool = opened(path)
    other_name.hardlink_to(path)
    for batch in range(2 * REWRITTEN_AFTER):
        spool.add(numbers(batch * 10, batch * 10 + 10))
        spool.take(10 if batch else 5)
    left = spool.remaining()
    spool.close()

    assert left == left_in(other_name) == left_in(path)


def test_numbers_of_another_lane_are_refused_and_kept(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 3))
    spool.close()
    with pytest.raises(SpoolError, match="has 3 numbers for another lane or series"):
        opened(path, ("SG", "ID", "default"))

    assert numbers(0, 3) == list(left_in(path))


def test_numbers_of_another_service_are_refused_and_kept(path: Path) -> None:
    content = written(path)
    with pytest.raises(SpoolError, match="has 6 numbers from http://a, http://b"):
        opened(path, services=("http://trial",))

    assert content == path.read_bytes()


def test_a_service_may_move_by_way_of_both_addresses(path: Path) -> None:
    written(path)
    opened(path, services=("http://b", "http://c")).close()
    spool = opened(path, services=("http://c",))

    assert numbers(4, 10) == list(spool.remaining())
    spool.close()


def test_the_lock_ends_with_the_buffer_although_a_process_is_being_started(path: Path) -> None:
    """A child that has not run its program yet has a copy of the descriptor."""
    spool = opened(path)
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    try:
        spool.close()
        opened(path).close()
    finally:
        os.write(write_end, b"x")
        os.waitpid(child, 0)
        os.close(read_end)
        os.close(write_end)


def test_a_child_that_leaves_the_spool_leaves_the_lock_to_its_parent(path: Path) -> None:
    spool = opened(path)
    child = os.fork()
    if not child:
        spool.leave()
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(SpoolInUse):
        opened(path)
    spool.close()


def test_a_spool_that_is_used_up_may_change_its_lane(path: Path) -> None:
    spool = opened(path)
    spool.add(numbers(0, 3))
    spool.take(3)
    spool.close()
    other = opened(path, ("SG", "ID", "default"))
    other.add(["SGID1"])
    other.close()
    with pytest.raises(SpoolError):
        opened(path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_refused(path: Path, make: object) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(SpoolError, match="spool"):
        opened(path)


def test_a_folder_that_is_missing_is_named(path: Path) -> None:
    with pytest.raises(SpoolError, match="missing/spool cannot be opened: No such file"):
        opened(path.parent / "missing" / "spool")


def test_only_its_owner_may_read_a_spool(path: Path) -> None:
    opened(path).close()

    assert 0o600 == path.stat().st_mode & 0o777
