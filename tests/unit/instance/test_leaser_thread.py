"""The leaser's thread: it comes in time, leases one at a time, and ends when it is to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FakeSeries, InThreads, Jitter, next_when_added
from tracking_service.allocation import Block, HighWaterMarks
from tracking_service.errors import SchemaError, StoreUnavailableError
from tracking_service.instance.instance import Instance
from tracking_service.instance.series import OpenSeries

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

AWAY = StoreUnavailableError("the database does not answer")


@pytest.fixture
def eager(make_issuing: Callable[..., Issuing]) -> Issuing:
    """Backs off for no time at all."""
    return make_issuing(uniform=Jitter())


def opened(issuing: Issuing, name: str = "default") -> OpenSeries:
    """Start, open a series and wait for its first block."""
    issuing.instance.start()
    series = issuing.instance.registry.request(name).result(30)
    issuing.until(lambda: series.allocator.left > 0, "the first block")
    return series


def test_nothing_is_asked_before_the_start(issuing: Issuing) -> None:
    future = issuing.instance.registry.request("default")

    assert not future.done()
    assert [] == issuing.series_store.found + issuing.store.calls


def test_all_who_ask_for_a_series_share_one_future(issuing: Issuing) -> None:
    registry = issuing.instance.registry
    asking = InThreads(16, lambda: registry.request("default")).join()
    assert 1 == len(set(map(id, asking.results)))

    series = opened(issuing)

    assert ["default"] == issuing.series_store.found
    assert series is registry.request("default").result(0)


def test_a_refill_comes_before_the_block_ends(issuing: Issuing) -> None:
    allocator = opened(issuing).allocator
    for _ in range(20):
        for _ in range(50):
            allocator.next()
        issuing.until(lambda: allocator.left > 50, "the refill")

    assert 1_000 == allocator.spent


@pytest.mark.parametrize("series", [1, 5])
def test_one_lease_at_a_time_however_many_ask(issuing: Issuing, series: int) -> None:
    names = [f"series-{number}" for number in range(series)]
    issuing.series_store.series |= {name: FakeSeries(name) for name in names}
    issuing.instance.start()
    opening = InThreads(
        20, lambda: [issuing.instance.wait_for_series(name) for name in names]
    ).join()
    allocators = [issuing.allocator(name) for name in names]

    def hammer() -> list[tuple[str, int]]:
        return [
            (each.series, next_when_added(each))
            for _ in range(1_000 // series)
            for each in allocators
        ]

    hammered = InThreads(20, hammer).join()

    assert [] == opening.errors + hammered.errors
    got = [pair for pairs in hammered.results for pair in pairs]  # type: ignore[attr-defined]
    assert 20_000 == len(got) == len(set(got))
    assert 1 == issuing.store.most_at_once
    assert sorted(["default", *names]) == sorted(issuing.series_store.found)


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "fails"])
def test_nobody_with_serials_in_memory_notices_that_the_database_is_away(
    eager: Issuing, hangs: bool
) -> None:
    eager.store.block_size = 10_000
    eager.series_store.series["default"] = FakeSeries("default", block_size=10_000)
    series = opened(eager)
    if hangs:
        eager.store.open.clear()
    else:
        eager.store.failure = AWAY

    took = InThreads(16, lambda: [series.next() for _ in range(600)]).join()

    assert [] == took.errors
    eager.until(lambda: eager.store.calls.count("lease") > 1, "a lease that is wanted")
    assert 400 == series.allocator.left


def test_those_that_wait_are_served_when_the_database_comes_back(eager: Issuing) -> None:
    series = opened(eager)
    eager.store.open.clear()
    series.take(100)
    waiting = InThreads(8, series.next)
    eager.until(lambda: series.allocator.demand == 8, "eight to wait")

    eager.store.open.set()

    assert [] == waiting.join().errors
    assert set(range(100, 108)) == set(waiting.results)


def test_a_retry_waits_for_the_back_off_and_for_nothing_else(issuing: Issuing) -> None:
    issuing.store.failure = AWAY
    issuing.instance.start()
    issuing.until(lambda: len(issuing.observer.failures) >= 3, "attempts without another call")
    issuing.store.failure = None

    assert 0 == issuing.serial()


def test_the_thread_goes_on_after_any_error(eager: Issuing) -> None:
    for error in (SchemaError(), RuntimeError("a fault")):
        eager.store.failure = error
        failed = len(eager.observer.failures)
        eager.instance.registry.request("gifts")
        eager.instance.start()
        eager.until(lambda: len(eager.observer.failures) > failed + 2, "attempts that fail")  # noqa: B023
    eager.store.failure = None

    assert 0 == eager.serial()


def test_a_thread_that_could_not_be_started_is_started_the_next_time(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short_of_threads:
        short_of_threads.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            issuing.instance.start()

    assert 100 == opened(issuing).allocator.left


@pytest.mark.parametrize("wait_first", ["block", "back-off"])
def test_stopping_ends_a_thread_that_sleeps(
    make_issuing: Callable[..., Issuing], wait_first: str
) -> None:
    issuing = make_issuing(uniform=lambda least, most: 3600.0)
    if wait_first == "back-off":
        issuing.store.failure = AWAY
        issuing.instance.start()
        issuing.until(lambda: issuing.instance.health.database == "away", "the failure")
        issuing.store.failure = None
    else:
        opened(issuing)

    assert issuing.instance.leaser.stop(30)


def test_stopping_ends_within_its_bound_though_the_store_hangs(issuing: Issuing) -> None:
    opened(issuing)
    leaser = issuing.instance.leaser
    issuing.store.open.clear()
    issuing.allocator().take(100)
    issuing.until(lambda: issuing.store.calls.count("lease") == 2, "a lease that hangs")
    began = time.monotonic()

    assert not leaser.stop(0.05)

    assert 0.05 <= time.monotonic() - began < 10
    assert None is leaser.handed_back
    issuing.store.open.set()
    assert leaser.stop(30)
    assert leaser.handed_back


def test_what_was_handed_back_is_recorded_after_all_of_it_has_gone_back(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour that keeps the lock of a series may take a second of the time that there is."""
    issuing.series_store.series["other"] = FakeSeries("other")
    recorded: list[list[str]] = []
    goes_on = threading.Event()

    def record(_: HighWaterMarks, series: str, *__: object, **___: object) -> None:
        recorded.append(sorted(issuing.store.handed_back))
        goes_on.wait(30)

    monkeypatch.setattr(HighWaterMarks, "record_hand_back", record)
    for name in ("default", "other"):
        opened(issuing, name)

    assert 200 == issuing.instance.close(0.5)
    goes_on.set()
    assert issuing.instance.leaser.stop(30)
    assert [["default", "other"]] * 2 == recorded


def test_what_went_back_before_the_database_went_away_is_recorded(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuing.series_store.series["other"] = FakeSeries("other")
    recorded: list[str] = []

    def record(_: HighWaterMarks, series: str, *__: object, **___: object) -> None:
        recorded.append(series.rpartition("/")[2])

    hand_back = issuing.store.hand_back

    def fail_after_one(series: str, unspent: Sequence[Block]) -> int:
        if issuing.store.handed_back:
            raise AWAY
        return hand_back(series, unspent)

    monkeypatch.setattr(HighWaterMarks, "record_hand_back", record)
    monkeypatch.setattr(issuing.store, "hand_back", fail_after_one)
    for name in ("default", "other"):
        opened(issuing, name)

    assert None is issuing.instance.close(30)
    assert ["default"] == recorded == list(issuing.store.handed_back)


def test_it_is_not_started_again(issuing: Issuing) -> None:
    issuing.instance.leaser.stop(30)
    issuing.instance.leaser.start()
    issuing.instance.registry.request("default")

    assert "leaser" not in {thread.name for thread in threading.enumerate()}


def test_an_instance_without_threads_leases_when_it_is_stepped(
    make_issuing: Callable[..., Issuing],
) -> None:
    issuing = make_issuing(threaded=False, wait_seconds=0.0)
    before = threading.active_count()
    instance: Instance = issuing.instance
    instance.start()
    issuing.step()

    assert 0 == issuing.serial()
    assert before == threading.active_count()
