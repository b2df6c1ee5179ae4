"""The limiter of waits: few may wait long, more for a moment, and threads are left for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.support.fakes import Clock, InThreads
from tracking_service.wait_limiter import GRACE_SECONDS, PATIENCE_SECONDS, Wait, WaitLimiter


class Waits:
    """Waits on one limiter, under a clock that moves by hand."""

    def __init__(self, stack: ExitStack, *, places: int = 2, threads: int = 8) -> None:
        self._stack = stack
        self.clock = Clock()
        self.limiter = WaitLimiter(places=places, threads=threads, clock=self.clock)

    def begin(self, count: int = 1, *, seconds: float = 60.0, leave: bool = True) -> list[Wait]:
        return [
            self._stack.enter_context(self.limiter.wait(seconds, leave_threads=lambda: leave))
            for _ in range(count)
        ]


@pytest.fixture
def make_waits() -> Iterator[Callable[..., Waits]]:
    with ExitStack() as stack:
        yield partial(Waits, stack)


@pytest.fixture
def waits(make_waits: Callable[..., Waits]) -> Waits:
    return make_waits()


def going_on(waits: list[Wait], *, failing: bool = False) -> list[bool]:
    return [wait.may_go_on(failing=failing) for wait in waits]


def test_all_may_wait_for_a_moment_while_nobody_else_needs_a_thread(waits: Waits) -> None:
    waiting = waits.begin(100, leave=False)

    waits.clock.now += PATIENCE_SECONDS - 0.001

    assert all(going_on(waiting))


def test_when_patience_runs_out_as_many_wait_on_as_there_are_places(waits: Waits) -> None:
    waiting = waits.begin(8, leave=False)

    waits.clock.now += PATIENCE_SECONDS

    assert [True] * 2 + [False] * 6 == going_on(waiting)
    assert [60.0 - PATIENCE_SECONDS] * 2 == [wait.seconds_left() for wait in waiting[:2]]


def test_beyond_half_of_the_threads_the_moment_is_short(waits: Waits) -> None:
    waiting = waits.begin(8)
    assert all(going_on(waiting))
    assert [PATIENCE_SECONDS] * 4 + [GRACE_SECONDS] * 4 == pytest.approx(
        [wait.seconds_left() for wait in waiting]
    )

    waits.clock.now += GRACE_SECONDS

    # The places are for the first half, too.
    assert [True] * 4 + [False] * 4 == going_on(waiting)
    assert [False] == going_on(waits.begin())


def test_while_it_fails_as_many_wait_as_there_are_places(waits: Waits) -> None:
    waiting = waits.begin(4)

    assert [True, True, False, False] == going_on(waiting, failing=True)
    # A place that was taken is kept.
    assert [True, True, False, False] == going_on(waiting, failing=True)


def test_without_places_nobody_waits_while_it_fails(make_waits: Callable[..., Waits]) -> None:
    waits = make_waits(places=0)

    assert [False] == going_on(waits.begin(), failing=True)


def test_a_place_that_is_left_serves_another(waits: Waits) -> None:
    with waits.limiter.wait(60, leave_threads=lambda: True) as first:
        assert [True] * 2 == going_on([first, *waits.begin()], failing=True)
        late = waits.begin()
        assert [False] == going_on(late, failing=True)

    assert [True] == going_on(late, failing=True)


def test_one_that_was_served_renews_the_patience(waits: Waits) -> None:
    early = waits.begin(3)
    waits.clock.now += 0.9 * PATIENCE_SECONDS
    with waits.limiter.wait(60, leave_threads=lambda: True):
        pass
    waits.clock.now += 0.9 * PATIENCE_SECONDS

    assert all(going_on(early))


def test_one_whose_time_ran_out_does_not(waits: Waits) -> None:
    early = waits.begin(4)
    with waits.limiter.wait(0.9 * PATIENCE_SECONDS, leave_threads=lambda: True):
        waits.clock.now += 0.9 * PATIENCE_SECONDS
    waits.clock.now += 0.1 * PATIENCE_SECONDS

    assert [True] * 2 + [False] * 2 == going_on(early)


def test_patience_begins_with_the_first_that_waits(waits: Waits) -> None:
    with waits.limiter.wait(60, leave_threads=lambda: True):
        pass
    waits.clock.now += 3600

    assert all(going_on(waits.begin(8)))


@pytest.mark.parametrize("failing", [False, True])
def test_nobody_waits_longer_than_asked_for(waits: Waits, failing: bool) -> None:
    waiting = waits.begin(2, seconds=0.5)
    assert all(going_on(waiting, failing=failing))
    assert [0.5] * 2 == pytest.approx([wait.seconds_left() for wait in waiting])

    waits.clock.now += 0.5

    assert [False] * 2 == going_on(waiting, failing=failing)
    assert [0.0] * 2 == [wait.seconds_left() for wait in waiting]


def test_a_server_of_another_size_leaves_half_of_its_threads(waits: Waits) -> None:
    waits.limiter.resize(20)
    waiting = waits.begin(20)

    waits.clock.now += GRACE_SECONDS

    assert 10 == sum(going_on(waiting))


def test_a_server_of_one_thread_has_none_to_spare(make_waits: Callable[..., Waits]) -> None:
    waits = make_waits(threads=1)
    waiting = waits.begin()

    waits.clock.now += GRACE_SECONDS

    assert [True] == going_on(waiting)


@pytest.mark.usefixtures("often_switched")
def test_places_are_neither_lost_nor_made_however_many_threads_come_and_go() -> None:
    limiter = WaitLimiter(places=3, threads=64)

    def come_and_go() -> None:
        for turn in range(200):
            with limiter.wait(60, leave_threads=lambda: True) as wait:
                wait.may_go_on(failing=True)
                if turn % 2:
                    wait.may_go_on(failing=True)

    assert [] == InThreads(16, come_and_go).join().errors
    assert 0 == limiter.waiting
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(limiter.wait(60, leave_threads=lambda: True)) for _ in range(4)
        ]
        assert [True] * 3 + [False] == going_on(waiting, failing=True)
