"""Turns: few requests are in the database at once, and none waits for one that hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.support.fakes import Clock, InThreads
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.errors import StoreUnavailableError
from tracking_service.store.database import bulkhead
from tracking_service.store.database.bulkhead import PATIENCE_SECONDS, TURNS, Turns
from tracking_service.store.database.deadline import transaction

LOST = OperationalError("SELECT 1", {}, Exception("the connection is lost"))


class Crowd:
    """Turns of a server with eight threads, and those who have one until they are let go."""

    def __init__(self, threads: int = 8) -> None:
        self.turns = Turns(threads)
        self.inside = self.most = 0
        self.failure: Exception | None = None
        self.go = threading.Event()
        self.entered: list[InThreads] = []
        self._lock = threading.Lock()

    def stay(self) -> None:
        with self.turns.turn():
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            assert self.go.wait(30)
            with self._lock:
                self.inside -= 1
            if self.failure is not None:
                raise self.failure

    def enter(self, count: int) -> InThreads:
        expected = self.inside + count
        self.entered.append(InThreads(count, self.stay))
        wait_until(lambda: self.inside == expected, seconds=30, what="turns to be taken")
        return self.entered[-1]

    def is_refused(self) -> bool:
        try:
            with self.turns.turn():
                return False
        except StoreUnavailableError:
            return True


@pytest.fixture
def make_crowd() -> Iterator[Callable[[int], Crowd]]:
    made: list[Crowd] = []

    def make(threads: int) -> Crowd:
        made.append(Crowd(threads))
        return made[-1]

    yield make
    for crowd in made:
        crowd.go.set()
        for threads in crowd.entered:
            threads.join()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bulkhead, "time", clock)
    return clock


@pytest.mark.parametrize("threads, most", [(1, 1), (4, 1), (7, 1), (8, 2), (16, 4), (256, 8)])
def test_a_quarter_of_the_threads_have_a_turn(
    make_crowd: Callable[[int], Crowd], clock: Clock, threads: int, most: int
) -> None:
    crowd = make_crowd(threads)
    crowd.enter(most)
    clock.now += PATIENCE_SECONDS

    assert crowd.is_refused()


@pytest.mark.usefixtures("clock")
def test_who_waits_gets_a_turn_from_a_database_that_is_alive(
    make_crowd: Callable[[int], Crowd],
) -> None:
    crowd = make_crowd(8)
    crowd.enter(2)
    waiting = InThreads(30, crowd.stay)
    crowd.go.set()

    assert [] == waiting.join().errors
    assert 2 == crowd.most


def test_nobody_waits_once_nothing_ends_any_more(make_crowd: Callable[[int], Crowd]) -> None:
    crowd = make_crowd(8)
    crowd.enter(2)
    began = time.monotonic()
    assert [True] * 40 == [crowd.is_refused() for _ in range(40)]
    took = time.monotonic() - began

    # The first one waits; were each to do so, it would take ten seconds.
    assert PATIENCE_SECONDS * 0.5 < took < 5


def test_after_a_failure_one_tries_and_the_others_are_refused_at_once(
    make_crowd: Callable[[int], Crowd], clock: Clock
) -> None:
    crowd = make_crowd(8)
    first = crowd.enter(2)
    crowd.failure = LOST
    crowd.go.set()
    assert 2 == len(first.join().errors)

    crowd.go.clear()
    probe = crowd.enter(1)
    # The clock stands still: who would wait would do so for ever.
    assert [True] * 5 == [crowd.is_refused() for _ in range(5)]

    crowd.failure = None
    crowd.go.set()
    probe.join()
    crowd.go.clear()
    crowd.enter(2)
    clock.now += PATIENCE_SECONDS
    assert crowd.is_refused()


@pytest.mark.usefixtures("clock")
def test_those_who_wait_learn_of_a_failure(make_crowd: Callable[[int], Crowd]) -> None:
    crowd = make_crowd(8)
    waiting: list[InThreads] = []

    def lose() -> None:
        with crowd.turns.turn():
            waiting.append(InThreads(5, crowd.is_refused))
            raise LOST

    with crowd.turns.turn():
        with pytest.raises(OperationalError):
            lose()

        # The other one is still inside, and the clock stands still.
        assert [True] * 5 == waiting[0].join().results


def test_an_answer_that_is_an_error_is_a_sign_of_life(make_crowd: Callable[[int], Crowd]) -> None:
    crowd = make_crowd(8)
    for error in (IntegrityError("INSERT", {}, Exception("there already")), ValueError()):
        crowd.failure = error
        crowd.go.set()
        InThreads(1, crowd.stay).join()
        crowd.go.clear()
        crowd.failure = None

        both = crowd.enter(2)
        crowd.go.set()
        assert [] == both.join().errors


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_has_every_turn(make_crowd: Callable[[int], Crowd]) -> None:
    crowd = make_crowd(8)
    crowd.enter(2)
    with crowd.turns._changed:
        child = os.fork()
        if child == 0:
            try:
                crowd.turns.forget()
                with crowd.turns.turn(), crowd.turns.turn():
                    os._exit(7)
            finally:
                os._exit(1)

    assert 7 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_transaction_without_a_turn_takes_no_connection(stores: Stores, clock: Clock) -> None:
    turns = Turns(4)
    engine = stores.engine.execution_options(**{TURNS: turns})
    with transaction(engine) as connection:
        assert 1 == connection.execute(text("SELECT 1")).scalar_one()
        clock.now += PATIENCE_SECONDS
        before = stores.engine.pool.status()
        with pytest.raises(StoreUnavailableError), transaction(engine):
            pytest.fail("it had a turn")
        assert before == stores.engine.pool.status()

        # Who leases, or opens a series, does not take turns with requests.
        with transaction(stores.engine) as other:
            assert 1 == other.execute(text("SELECT 1")).scalar_one()

    with transaction(engine) as connection:
        assert 1 == connection.execute(text("SELECT 1")).scalar_one()
