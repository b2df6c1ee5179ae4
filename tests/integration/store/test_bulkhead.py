"""The bulkhead: few requests are in the database at once, and none waits for one that hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from tests.support.fakes import Clock, InThreads
from tests.support.stores import Stores
from tests.support.waiting import wait_until
from tracking_service.errors import ConflictError, StoreFailedError, StoreUnavailableError
from tracking_service.store.database import Bulkhead, Database, Use
from tracking_service.store.database.bulkhead import PATIENCE_SECONDS

LOST = StoreUnavailableError("the connection is lost")


class Crowd:
    """The bulkhead of a server, and those that are admitted until they are let go."""

    def __init__(self, threads: int, clock: Clock | None) -> None:
        self.bulkhead = Bulkhead(threads, clock=clock or time.monotonic)
        self.inside = self.most = 0
        self.failure: Exception | None = None
        self.go = threading.Event()
        self.entered: list[InThreads] = []
        self._lock = threading.Lock()

    def stay(self) -> None:
        with self.bulkhead.acquire():
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
        wait_until(lambda: self.inside == expected, seconds=30, what="places to be taken")
        return self.entered[-1]

    def is_refused(self) -> bool:
        try:
            with self.bulkhead.acquire():
                return False
        except StoreUnavailableError:
            return True


@pytest.fixture
def make_crowd() -> Iterator[Callable[..., Crowd]]:
    made: list[Crowd] = []

    def make(threads: int, clock: Clock | None = None) -> Crowd:
        made.append(Crowd(threads, clock))
        return made[-1]

    yield make
    for crowd in made:
        crowd.go.set()
        for threads in crowd.entered:
            threads.join()


@pytest.fixture
def clock() -> Clock:
    """Stands still until it is moved."""
    return Clock()


@pytest.mark.parametrize("threads, most", [(1, 1), (4, 1), (7, 1), (8, 2), (16, 4), (256, 8)])
def test_a_quarter_of_the_threads_are_admitted(
    make_crowd: Callable[..., Crowd], clock: Clock, threads: int, most: int
) -> None:
    crowd = make_crowd(threads, clock)
    crowd.enter(most)
    clock.now += PATIENCE_SECONDS

    assert crowd.is_refused()


def test_those_that_wait_are_admitted_while_the_database_answers(
    make_crowd: Callable[..., Crowd], clock: Clock
) -> None:
    crowd = make_crowd(8, clock)
    crowd.enter(2)
    waiting = InThreads(30, crowd.stay)
    crowd.go.set()

    assert [] == waiting.join().errors
    assert 2 == crowd.most


def test_nobody_waits_once_nothing_ends_any_more(make_crowd: Callable[..., Crowd]) -> None:
    crowd = make_crowd(8)
    crowd.enter(2)
    began = time.monotonic()
    assert [True] * 40 == [crowd.is_refused() for _ in range(40)]
    took = time.monotonic() - began

    # The first one waits; were each to do so, it would take ten seconds.
    assert PATIENCE_SECONDS * 0.5 < took < 5


def test_after_a_failure_one_tries_and_the_others_are_refused_at_once(
    make_crowd: Callable[..., Crowd], clock: Clock
) -> None:
    crowd = make_crowd(8, clock)
    first = crowd.enter(2)
    crowd.failure = LOST
    crowd.go.set()
    assert 2 == len(first.join().errors)

    crowd.go.clear()
    probe = crowd.enter(1)
    # The clock stands still: to wait would be to wait for ever.
    assert [True] * 5 == [crowd.is_refused() for _ in range(5)]

    crowd.failure = None
    crowd.go.set()
    probe.join()
    crowd.go.clear()
    crowd.enter(2)
    clock.now += PATIENCE_SECONDS
    assert crowd.is_refused()


def test_those_that_wait_learn_of_a_failure(make_crowd: Callable[..., Crowd], clock: Clock) -> None:
    crowd = make_crowd(8, clock)
    waiting: list[InThreads] = []

    def lose() -> None:
        with crowd.bulkhead.acquire():
            waiting.append(InThreads(5, crowd.is_refused))
            raise LOST

    with crowd.bulkhead.acquire():
        with pytest.raises(StoreUnavailableError):
            lose()

        # The other one is still inside, and the clock stands still.
        assert [True] * 5 == waiting[0].join().results


def test_an_answer_that_is_an_error_is_a_sign_of_life(make_crowd: Callable[..., Crowd]) -> None:
    crowd = make_crowd(8)
    for error in (ConflictError("there already"), StoreFailedError("disk full"), ValueError()):
        crowd.failure = error
        crowd.go.set()
        InThreads(1, crowd.stay).join()
        crowd.go.clear()
        crowd.failure = None

        both = crowd.enter(2)
        crowd.go.set()
        assert [] == both.join().errors


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_in_the_child_of_a_fork_no_place_is_taken(stores: Stores) -> None:
    """Not even where another thread was changing the bulkhead in that moment."""
    bulkhead = stores.database.bulkhead
    with bulkhead.acquire(), bulkhead.acquire():
        child = os.fork()
        if child == 0:
            try:
                with bulkhead.acquire(), bulkhead.acquire():
                    os._exit(7)
            finally:
                os._exit(1)

    assert 7 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_transaction_that_is_not_admitted_takes_no_connection(
    stores: Stores, clock: Clock
) -> None:
    database = Database(stores.url, timeout_seconds=5.0, bulkhead=Bulkhead(4, clock=clock))
    with database.transaction(Use.REQUEST) as connection:
        assert 1 == connection.execute(text("SELECT 1")).scalar_one()
        clock.now += PATIENCE_SECONDS
        before = database.engine().pool.status()
        with pytest.raises(StoreUnavailableError), database.transaction(Use.REQUEST):
            pytest.fail("it was admitted")
        assert before == database.engine().pool.status()

        # Leasing, and the instance's own work, are not held up by requests.
        for use in (Use.LEASE, Use.INSTANCE):
            with database.transaction(use) as other:
                assert 1 == other.execute(text("SELECT 1")).scalar_one()

    with database.transaction(Use.REQUEST) as connection:
        assert 1 == connection.execute(text("SELECT 1")).scalar_one()
    database.close()
