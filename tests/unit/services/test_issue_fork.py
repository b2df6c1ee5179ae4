"""Forks: a child shares no block, no name, no lock and no connection with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tracking_service.allocation import Block

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def in_child(task: Callable[[], Any]) -> Any:
    """Fork, run `task` in the child, and return what it returned; a child that hangs is ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            try:
                answer = {"result": task()}
            except BaseException:  # noqa: BLE001 - the parent is to see it
                answer = {"error": traceback.format_exc()}
            os.write(write_end, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    try:
        readable, _, _ = select.select([read_end], [], [], 30)
        assert readable, "the child hangs"
        answer = json.loads(os.read(read_end, 65536))
    finally:
        os.close(read_end)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert "error" not in answer, answer["error"]
    return answer["result"]


def test_a_child_hands_out_no_serial_of_its_parents_block(issuing: Issuing) -> None:
    before = [issuing.serial() for _ in range(3)]

    in_the_child = in_child(lambda: [issuing.serial() for _ in range(250)])
    after = [issuing.serial() for _ in range(200)]

    assert list(range(100)) == (before + after)[:100]
    assert list(range(100, 350)) == in_the_child
    assert 453 == len({*before, *in_the_child, *after})


def test_a_child_of_a_parent_that_was_never_started_leases_for_itself(issuing: Issuing) -> None:
    assert [0] == in_child(lambda: [issuing.serial()])
    assert [] == issuing.store.calls


def test_a_child_has_a_name_and_a_store_of_its_own(issuing: Issuing) -> None:
    issuing.ready()
    parent = issuing.issuer.instance

    name, pid, stores, dropped = in_child(
        lambda: (issuing.issuer.instance, os.getpid(), issuing.instances, issuing.dropped)
    )

    assert str(pid) == name.split(":")[1]
    assert [parent, name] == stores
    assert [parent] == dropped
    assert [] == issuing.dropped
    assert parent == issuing.issuer.instance


def test_a_child_holds_nothing_before_it_is_asked(issuing: Issuing) -> None:
    issuing.serial()

    supplies, database, calls = in_child(
        lambda: (len(issuing.issuer.supplies), issuing.issuer.database, issuing.store.calls)
    )

    assert (0, "unknown", []) == (supplies, database, calls)


def test_no_lock_that_another_thread_holds_at_the_fork_stops_the_child(issuing: Issuing) -> None:
    issuing.ready()
    assert 0 == issuing.serial("gifts")
    default, gifts = (issuing.issuer._open[name].allocator for name in ("default", "gifts"))
    with (
        default._lock,
        gifts._lock,
        issuing.issuer._refiller._lock,
        issuing.issuer._waiting._lock,
    ):
        got = in_child(
            lambda: [issuing.serial(), issuing.serial("gifts"), issuing.issuer.readiness().ready]
        )

    assert [100, 100, True] == got
    assert 0 == issuing.serial()


def test_a_child_has_the_places_of_those_who_wait_in_its_parent(issuing: Issuing) -> None:
    issuing.serial()
    with issuing.issuer._waiting.one(30), issuing.issuer._waiting.one(30):
        free = in_child(lambda: [issuing.serial(), issuing.issuer._waiting._places._value])
        parents: int = issuing.issuer._waiting._places._value

    assert [100, 2] == free
    assert 0 == parents


def test_a_fork_in_the_middle_of_a_lease_leaves_it_to_the_parent(issuing: Issuing) -> None:
    issuing.ready()
    issuing.store.open.clear()
    issuing.issuer._open["default"].allocator.take(60)
    issuing.until(lambda: 2 == issuing.store.calls.count("lease"), "a lease that hangs")

    assert [100] == in_child(lambda: [issuing.serial()])

    issuing.store.open.set()
    issuing.until(lambda: issuing.issuer.supplies[0].allocator.holding().left > 50, "the lease")
    assert 60 == issuing.serial()
    assert 200 == issuing.store.committed[1].start


def test_a_child_closes_what_is_its_own(issuing: Issuing) -> None:
    issuing.serial()

    closed, returned = in_child(
        lambda: (
            issuing.serial() and issuing.issuer.close(30),
            [(block.start, block.end) for block in issuing.store.handed_back["default"]],
        )
    )

    assert closed
    assert [[101, 200]] == returned
    assert {} == issuing.store.handed_back
    assert issuing.issuer.close(30)
    assert {"default": (Block(1, 100),)} == issuing.store.handed_back


def test_a_child_of_a_parent_that_closed_begins_anew(issuing: Issuing) -> None:
    issuing.serial()
    issuing.issuer.close(30)

    assert [100, True] == in_child(lambda: [issuing.serial(), issuing.issuer.readiness().ready])


def test_a_childs_child_begins_anew_as_well(issuing: Issuing) -> None:
    issuing.serial()

    assert [100, [200], 101] == in_child(
        lambda: [issuing.serial(), in_child(lambda: [issuing.serial()]), issuing.serial()]
    )
