"""Forks: a child shares no block, no name, no lock and no connection with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import InThreads
from tracking_service.allocation import Block
from tracking_service.services.readiness import assess_readiness

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def issuing(make_issuing: Callable[..., Issuing]) -> Issuing:
    """It leases a block at a time, however long a test takes and whatever rate that makes."""
    return make_issuing(reserve_seconds=0.0)


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
    parent = issuing.instance.name

    name, pid, stores, dropped = in_child(
        lambda: (issuing.instance.name, os.getpid(), issuing.instances, issuing.dropped)
    )

    assert str(pid) == name.split(":")[1]
    assert [parent, name] == stores
    assert [parent] == dropped
    assert [] == issuing.dropped
    assert parent == issuing.instance.name


def test_a_child_holds_nothing_before_it_is_asked(issuing: Issuing) -> None:
    issuing.serial()

    opened, database, calls = in_child(
        lambda: (
            len(issuing.instance.registry.open),
            issuing.instance.health.database,
            issuing.store.calls,
        )
    )

    assert (0, "unknown", []) == (opened, database, calls)


def test_no_lock_that_another_thread_holds_at_the_fork_stops_the_child(
    make_issuing: Callable[..., Issuing],
) -> None:
    issuing = make_issuing(threads=2)
    issuing.ready()
    assert 0 == issuing.serial("gifts")
    held, over = threading.Semaphore(0), threading.Event()

    def hold(_: object = None) -> bool:
        """Called with a lock held: does not return before the fork."""
        held.release()
        return over.wait(30)

    def begin_waits() -> None:
        limiter = issuing.limiter
        with limiter.wait(0, leave_threads=bool), limiter.wait(0, leave_threads=hold):
            pass

    def add_slowly(name: str) -> None:
        issuing.allocator(name).add(filter(hold, [Block(900, 910)]), low_water=0)

    holding = [
        InThreads(1, begin_waits),
        InThreads(1, lambda: add_slowly("default")),
        InThreads(1, lambda: add_slowly("gifts")),
    ]
    for _ in holding:
        assert held.acquire(timeout=30)
    got = in_child(
        lambda: [
            issuing.serial(),
            issuing.serial("gifts"),
            assess_readiness(issuing.instance).ready,
            issuing.limiter.waiting,
        ]
    )
    over.set()

    assert [[], [], []] == [threads.join().errors for threads in holding]
    assert [100, 100, True, 0] == got
    assert 0 == issuing.serial()


def test_a_child_has_the_places_of_those_that_wait_in_its_parent(issuing: Issuing) -> None:
    def places() -> list[bool]:
        with ExitStack() as stack:
            return [
                stack.enter_context(issuing.limiter.wait(30, leave_threads=bool)).may_go_on(
                    failing=True
                )
                for _ in range(3)
            ]

    with issuing.limiter.wait(30, leave_threads=bool) as wait:
        assert wait.may_go_on(failing=True)
        in_the_child = in_child(places)
        in_the_parent = places()

    assert [True, True, False] == in_the_child
    assert [True, False, False] == in_the_parent


def test_a_fork_in_the_middle_of_a_lease_leaves_it_to_the_parent(issuing: Issuing) -> None:
    issuing.ready()
    issuing.store.open.clear()
    issuing.allocator().take(60)
    issuing.until(lambda: 2 == issuing.store.calls.count("lease"), "a lease that hangs")

    assert [100] == in_child(lambda: [issuing.serial()])

    issuing.store.open.set()
    issuing.until(lambda: issuing.allocator().left > 50, "the lease")
    assert 60 == issuing.serial()
    assert 200 == issuing.store.committed[1].start


def test_a_child_closes_what_is_its_own(issuing: Issuing) -> None:
    issuing.serial()

    closed, returned = in_child(
        lambda: (
            issuing.serial() and issuing.instance.close(30),
            [(block.start, block.end) for block in issuing.store.handed_back["default"]],
        )
    )

    assert closed
    assert [[101, 200]] == returned
    assert {} == issuing.store.handed_back
    assert 99 == issuing.instance.close(30)
    assert {"default": (Block(1, 100),)} == issuing.store.handed_back


def test_a_child_of_a_parent_that_closed_begins_anew(issuing: Issuing) -> None:
    issuing.serial()
    issuing.instance.close(30)

    assert [100, True] == in_child(
        lambda: [issuing.serial(), assess_readiness(issuing.instance).ready]
    )


def test_a_childs_child_begins_anew_as_well(issuing: Issuing) -> None:
    issuing.serial()

    assert [100, [200], 101] == in_child(
        lambda: [issuing.serial(), in_child(lambda: [issuing.serial()]), issuing.serial()]
    )
