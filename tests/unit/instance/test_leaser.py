"""The leaser's rounds, one call each: who comes first, what is tried again, and when.

Nothing here has a thread; the clock moves by hand, and no jitter is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import Clock, FakeSeries, Jitter
from tracking_service.allocation import Block, Lease
from tracking_service.errors import (
    CounterWentBackwardsError,
    HighWaterMarkError,
    KeyChangedError,
    ReserveEmptyError,
    SchemaError,
    StoreFailedError,
    StoreUnavailableError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.database_health import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MOST_SECONDS,
    PING_SECONDS,
)
from tracking_service.instance.leaser import TICK_SECONDS

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

AWAY = StoreUnavailableError("the database does not answer")


class Stepped:
    """An instance without a thread, with its clock and its draws."""

    def __init__(self, make: Callable[..., Issuing]) -> None:
        self.clock = Clock()
        self.jitter = Jitter()
        self.issuing = make(clock=self.clock, uniform=self.jitter, threaded=False, wait_seconds=0.0)
        self.store, self.observer = self.issuing.store, self.issuing.observer
        self.series_store = self.issuing.series_store
        self.instance = self.issuing.instance
        self.leaser, self.health = self.instance.leaser, self.instance.health
        self.registry = self.instance.registry
        self.step, self.opened = self.issuing.step, self.issuing.opened
        self.allocator = self.issuing.allocator

    def fail_for(self, name: str, error: Exception, patch: pytest.MonkeyPatch) -> None:
        """Let every lease for one series raise."""
        lease = self.store.lease

        def some(series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
            if series == name:
                raise error
            return lease(series, blocks, fingerprint=fingerprint)

        patch.setattr(self.store, "lease", some)


@pytest.fixture
def stepped(make_issuing: Callable[..., Issuing]) -> Stepped:
    return Stepped(make_issuing)


def test_a_series_that_is_asked_for_is_opened_and_stocked(stepped: Stepped) -> None:
    future = stepped.registry.request("default")
    assert ("unknown", False) == (stepped.health.database, future.done())
    assert [] == stepped.series_store.found + stepped.store.calls

    stepped.step()

    assert stepped.registry.open == {"default": future.result(0)}
    assert (Block(0, 100),) == stepped.allocator().unspent
    assert "up" == stepped.health.database


def test_each_round_is_told_of_even_one_that_fails(stepped: Stepped) -> None:
    stepped.step()
    stepped.store.failure = AWAY
    stepped.step()

    assert 2 == stepped.observer.rounds


@pytest.mark.parametrize("told", ["round_done", "lease_failed"])
def test_an_observer_that_fails_does_not_stop_the_leases(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stepped.observer, told, fail)
    stepped.store.failure = AWAY
    stepped.opened()
    stepped.store.failure = None
    stepped.step()

    assert 100 == stepped.allocator().left


def test_a_call_during_a_round_is_not_lost(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stepped.opened("default")
    lease = stepped.store.lease

    def spend_and_lease(*asked: Any, **named: Any) -> Lease:
        # The round has looked after the first already when it is spent.
        first.take(first.left)
        return lease(*asked, **named)

    stepped.registry.request("gifts")
    with monkeypatch.context() as patched:
        patched.setattr(stepped.store, "lease", spend_and_lease)
        stepped.instance.registry.open_requested()
        assert stepped.registry.open["gifts"].supply.lease_if_low()

    assert 0 >= stepped.leaser.seconds_until_due()
    stepped.step()
    assert first.left


def test_the_next_round_comes_a_tick_after_the_last_or_when_it_is_called(stepped: Stepped) -> None:
    allocator = stepped.opened()
    due = [stepped.leaser.seconds_until_due()]
    stepped.clock.now += 0.25 * TICK_SECONDS
    due.append(stepped.leaser.seconds_until_due())
    allocator.take(50)
    due.append(stepped.leaser.seconds_until_due())

    assert [TICK_SECONDS, 0.75 * TICK_SECONDS, 0.0] == due


def test_a_ping_comes_only_where_nothing_else_was_asked_for_long_enough(stepped: Stepped) -> None:
    stepped.opened()
    stepped.clock.now += PING_SECONDS - 0.001
    stepped.step(3)
    assert "ping" not in stepped.store.calls

    stepped.clock.now += 0.001
    stepped.step(3)
    assert 1 == stepped.store.calls.count("ping")


def test_without_a_series_the_database_is_asked_whether_it_is_there(stepped: Stepped) -> None:
    stepped.step()

    assert ("up", ["ping"]) == (stepped.health.database, stepped.store.calls)


def test_an_unknown_series_is_told_to_who_asked_and_asked_for_again_next_time(
    stepped: Stepped,
) -> None:
    for _ in range(2):
        future = stepped.registry.request("unknown-x")
        stepped.step()
        with pytest.raises(UnknownSeriesError, match="unknown-x"):
            future.result(0)

    assert ["unknown-x"] * 2 == stepped.series_store.found
    assert {} == stepped.registry.open


@pytest.mark.parametrize(
    "broken",
    [FakeSeries("broken", key=b"k" * 32), FakeSeries("broken", number_space="x", key=b"short")],
    ids=["another key", "no key"],
)
def test_a_series_that_cannot_be_opened_holds_no_other_up(
    stepped: Stepped, broken: FakeSeries
) -> None:
    stepped.opened()
    stepped.series_store.series["broken"] = broken
    refused, sound = (stepped.registry.request(name) for name in ("broken", "gifts"))
    stepped.step()

    assert refused.exception(0)
    assert "gifts" == sound.result(0).name
    assert (False, "up") == (stepped.health.failing, stepped.health.database)
    assert 1 == stepped.series_store.found.count("broken")


def test_it_tries_for_ever_with_a_bounded_back_off(stepped: Stepped) -> None:
    stepped.store.failure = AWAY
    opening = stepped.registry.request("default")
    stepped.step(40)
    stepped.store.failure = None
    stepped.step()

    assert "default" == opening.result(0).name
    assert 100 == stepped.allocator().left
    mosts = [most for _, most in stepped.jitter.bounds]
    assert mosts[:4] == [BACKOFF_FIRST_SECONDS * 2**failures for failures in range(4)]
    assert {BACKOFF_MOST_SECONDS} == set(mosts[6:])


def test_the_back_off_begins_anew_after_an_answer(stepped: Stepped) -> None:
    stepped.opened()
    for _ in range(2):
        stepped.jitter.bounds.clear()
        stepped.store.failure = AWAY
        stepped.clock.now += PING_SECONDS
        stepped.step(3)
        stepped.store.failure = None
        stepped.step()

        assert (0, BACKOFF_FIRST_SECONDS) == stepped.jitter.bounds[0]


def test_no_try_comes_before_its_time_and_one_comes_then(
    make_issuing: Callable[..., Issuing],
) -> None:
    clock = Clock()
    issuing = make_issuing(
        clock=clock, uniform=lambda least, most: most, threaded=False, wait_seconds=0.0
    )
    issuing.store.failure = AWAY
    issuing.instance.registry.request("default")
    issuing.step()
    leaser = issuing.instance.leaser

    assert BACKOFF_FIRST_SECONDS == pytest.approx(leaser.seconds_until_due())
    # Nobody need call again.
    clock.now += BACKOFF_FIRST_SECONDS
    assert 0.0 == pytest.approx(leaser.seconds_until_due())


def test_a_failure_is_told_to_every_series_with_when_to_come_again(stepped: Stepped) -> None:
    stepped.opened("default")
    stepped.opened("gifts")
    stepped.store.failure = AWAY
    stepped.clock.now += PING_SECONDS
    stepped.step(8)

    errors = [stepped.allocator(name).error for name in ("default", "gifts")]
    assert [BACKOFF_MOST_SECONDS] * 2 == [
        error.retry_after for error in errors if isinstance(error, ReserveEmptyError)
    ]
    assert AWAY is stepped.health.error
    assert [AWAY] == stepped.observer.failures[:1]

    stepped.store.failure = None
    stepped.step()
    # They have all that they want: no block came that would have taken it back.
    assert [None, None] == [stepped.allocator(name).error for name in ("default", "gifts")]
    assert [100, 100] == [stepped.allocator(name).left for name in ("default", "gifts")]


@pytest.mark.parametrize("error", [SchemaError(), HighWaterMarkError(), RuntimeError("a fault")])
def test_no_error_ends_the_leasing(stepped: Stepped, error: Exception) -> None:
    stepped.store.failure = error
    stepped.registry.request("default")
    stepped.step(3)
    assert stepped.health.failing
    stepped.store.failure = None
    stepped.step()

    assert not stepped.health.failing
    assert 0 == stepped.allocator().next()


@pytest.mark.parametrize("error", [SchemaError(), HighWaterMarkError(), StoreFailedError()])
def test_a_database_that_answers_and_leases_nothing_is_not_taken_to_lease_again(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch, error: TrackingServiceError
) -> None:
    """Though nobody needs a lease any more, and pings come back."""
    allocator = stepped.opened()
    with monkeypatch.context() as patch:
        stepped.fail_for("default", error, patch)
        allocator.take(100)
        stepped.step()
        # What was taken comes back, as where a batch is put off: no lease is wanted.
        allocator.put_back([Block(0, 100)])
        for _ in range(3):
            stepped.clock.now += PING_SECONDS
            stepped.step()
            assert error is stepped.health.error

    stepped.clock.now += PING_SECONDS
    stepped.step()

    assert not stepped.health.failing
    assert 200 == allocator.left


@pytest.mark.parametrize(
    "error", [CounterWentBackwardsError(), UnknownSeriesError("first"), KeyChangedError()]
)
def test_one_series_in_trouble_leaves_the_others_stocked(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    first, second = stepped.opened("default"), stepped.opened("gifts")
    stepped.fail_for("default", error, monkeypatch)
    first.take(60)
    for _ in range(20):
        second.take(100)
        stepped.step()

    assert 2_000 == second.spent
    assert error is stepped.registry.open["default"].supply.error
    # It is no failure of leasing at large: nobody is backed off for it.
    assert not stepped.health.failing
    assert [] == stepped.jitter.bounds


def test_series_whose_rows_cannot_be_had_leave_the_others_stocked(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody's transaction sits on them: the database is there for all the others."""
    allocators = [stepped.opened(name) for name in ("default", "gifts", "ra")]
    for name in ("default", "gifts"):
        stepped.fail_for(name, AWAY, monkeypatch)
    for allocator in allocators:
        allocator.take(60)
    for _ in range(3):
        stepped.clock.now += 0.001
        stepped.step()

    assert [40, 40] == [allocator.left for allocator in allocators[:2]]
    assert 100 < allocators[2].left


def test_a_series_that_holds_little_comes_before_one_that_is_opened(stepped: Stepped) -> None:
    allocator = stepped.opened()
    stepped.series_store.failure = AWAY
    stepped.registry.request("gifts")
    allocator.take(60)
    stepped.step()

    assert 100 < allocator.left
    assert stepped.health.failing


def test_series_that_spend_as_fast_as_they_lease_let_the_rest_of_a_round_come(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocator = stepped.opened()
    lease = stepped.store.lease

    def slow(*asked: Any, **named: Any) -> Lease:
        stepped.clock.now += 0.6 * TICK_SECONDS
        allocator.take(allocator.left)
        return lease(*asked, **named)

    monkeypatch.setattr(stepped.store, "lease", slow)
    allocator.take(60)
    gifts = stepped.registry.request("gifts")
    stepped.step()

    assert gifts.done()
    assert 0 >= stepped.leaser.seconds_until_due()


def test_rates_are_measured_while_the_database_is_away(stepped: Stepped) -> None:
    allocator = stepped.opened()
    stepped.step()
    stepped.store.failure = AWAY
    allocator.take(30)
    stepped.clock.now += PING_SECONDS
    stepped.step()

    assert 6.0 == stepped.registry.open["default"].supply.meter.rate


def test_it_leases_no_more_when_it_is_to_end(
    stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = stepped.store.lease

    def stop_and_lease(*asked: Any, **named: Any) -> Lease:
        stepped.leaser.stop(0)
        return lease(*asked, **named)

    monkeypatch.setattr(stepped.store, "lease", stop_and_lease)
    for name in ("default", "gifts"):
        stepped.registry.request(name)
    stepped.step()

    assert 1 == len(stepped.store.committed)
