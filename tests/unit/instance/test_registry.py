"""The registry: a series is opened at its first use, and a name that is unknown costs little."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import Clock, FakeSeries, InThreads
from tracking_service.errors import (
    InternalError,
    KeyChangedError,
    ReserveEmptyError,
    ShuttingDownError,
    StoreUnavailableError,
    UnknownSeriesError,
)
from tracking_service.instance.registry import REQUESTED_MOST, UNKNOWN_MOST, UNKNOWN_SECONDS

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

AWAY = StoreUnavailableError("the database does not answer")


def is_away(issuing: Issuing) -> None:
    issuing.series_store.failure = AWAY
    issuing.instance.start()
    issuing.until(lambda: issuing.instance.health.database == "away", "the failure")


def test_a_series_that_nobody_asks_for_costs_nothing(issuing: Issuing) -> None:
    issuing.ready()

    assert ["default"] == issuing.series_store.found


def test_a_series_is_looked_up_once(issuing: Issuing) -> None:
    opened = InThreads(8, lambda: issuing.instance.wait_for_series("gifts")).join()

    assert 1 == len(set(map(id, opened.results)))
    assert 1 == issuing.series_store.found.count("gifts")


def test_an_unknown_series_is_named_to_each_that_asks(issuing: Issuing) -> None:
    issuing.ready()
    asked = InThreads(8, lambda: issuing.instance.wait_for_series("none")).join()

    assert {"there is no series named 'none'"} == set(map(str, asked.errors))
    assert {"none"} == {
        error.name for error in asked.errors if isinstance(error, UnknownSeriesError)
    }
    assert 8 == len(set(map(id, asked.errors)))


def test_an_unknown_series_is_not_looked_up_again_at_once(
    make_issuing: Callable[..., Issuing],
) -> None:
    clock = Clock()
    issuing = make_issuing(clock=clock)
    for _ in range(5):
        with pytest.raises(UnknownSeriesError):
            issuing.instance.wait_for_series("none")
    assert 1 == issuing.series_store.found.count("none")

    # A new series is seen without a restart.
    issuing.series_store.series["none"] = FakeSeries("none")
    clock.now += UNKNOWN_SECONDS - 0.001
    with pytest.raises(UnknownSeriesError):
        issuing.instance.wait_for_series("none")
    clock.now += 0.001

    assert 0 == issuing.serial("none")


def test_only_so_many_unknown_names_are_remembered(make_issuing: Callable[..., Issuing]) -> None:
    issuing = make_issuing(clock=Clock())
    names = [f"none-{number}" for number in range(UNKNOWN_MOST + 1)]
    for name in [*names, names[0]]:
        with pytest.raises(UnknownSeriesError):
            issuing.instance.wait_for_series(name)

    # The first was dropped with all others when one too many came.
    assert 2 == issuing.series_store.found.count(names[0])


def test_a_key_that_changed_opens_nothing_and_holds_no_other_series_up(issuing: Issuing) -> None:
    issuing.ready()
    issuing.series_store.series["other"] = FakeSeries("other", key=b"k" * 32)

    asked = InThreads(4, lambda: issuing.instance.wait_for_series("other")).join()

    assert [KeyChangedError] * 4 == [type(error) for error in asked.errors]
    assert 4 == len(set(map(id, asked.errors)))
    assert [0] * 50 != [issuing.serial("gifts") for _ in range(50)]
    assert "up" == issuing.instance.health.database


def test_a_fault_of_the_service_itself_tells_callers_nothing(
    issuing: Issuing, caplog: pytest.LogCaptureFixture
) -> None:
    issuing.series_store.series["odd"] = FakeSeries("odd", number_space="odd", key=b"short")

    with pytest.raises(InternalError, match="as the log says"):
        issuing.instance.wait_for_series("odd")
    assert "a series cannot be opened" in caplog.text


def test_a_first_use_waits_no_longer_than_it_may(make_issuing: Callable[..., Issuing]) -> None:
    issuing = make_issuing(wait_seconds=0.05)
    issuing.series_store.failure = AWAY
    began = time.monotonic()

    with pytest.raises(ReserveEmptyError):
        issuing.instance.wait_for_series("default")

    assert 0.05 <= time.monotonic() - began < 10


def test_few_may_wait_for_a_first_use_while_the_database_is_away(issuing: Issuing) -> None:
    is_away(issuing)

    waiting = InThreads(2, lambda: issuing.instance.wait_for_series("default"))
    issuing.until(lambda: issuing.limiter.waiting == 2, "two to wait")
    others = InThreads(6, lambda: issuing.instance.wait_for_series("gifts")).join()
    assert [ReserveEmptyError] * 6 == [type(error) for error in others.errors]

    issuing.series_store.failure = None
    assert [] == waiting.join().errors


def test_nobody_waits_for_a_first_use_where_none_may(make_issuing: Callable[..., Issuing]) -> None:
    issuing = make_issuing(places=0)
    is_away(issuing)
    began = time.monotonic()

    for series in ("default", "gifts"):
        with pytest.raises(ReserveEmptyError):
            issuing.instance.wait_for_series(series)

    # Those that may wait do so for half a minute.
    assert 10 > time.monotonic() - began


def test_one_that_waits_for_a_series_takes_the_place_of_one_that_would_for_another(
    make_issuing: Callable[..., Issuing],
) -> None:
    issuing = make_issuing(places=1)
    issuing.serial()
    issuing.store.failure = issuing.series_store.failure = AWAY
    issuing.allocator().take(issuing.allocator().left)
    issuing.until(lambda: issuing.instance.health.database == "away", "the failure")

    waiting = InThreads(1, issuing.serial)
    issuing.until(lambda: issuing.allocator().demand == 1, "one to wait")
    for series in ("default", "gifts"):
        with pytest.raises(ReserveEmptyError):
            issuing.instance.wait_for_series(series).next()

    issuing.store.failure = issuing.series_store.failure = None
    assert [] == waiting.join().errors


def test_only_so_many_series_wait_to_be_opened(make_issuing: Callable[..., Issuing]) -> None:
    """While the database is away nobody waits long, and anybody can think of names."""
    registry = make_issuing(threaded=False).instance.registry
    asked = [registry.request(f"name-{number}") for number in range(REQUESTED_MOST)]

    with pytest.raises(ReserveEmptyError):
        registry.request("one-more")
    assert asked[0] is registry.request("name-0")


def test_requests_that_wait_for_a_series_learn_of_the_end(issuing: Issuing) -> None:
    is_away(issuing)
    waiting = InThreads(2, lambda: issuing.instance.wait_for_series("gifts"))
    issuing.until(lambda: issuing.limiter.waiting == 2, "two to wait")
    issuing.instance.close(30)

    assert [ShuttingDownError] * 2 == [type(error) for error in waiting.join().errors]
    with pytest.raises(ShuttingDownError):
        issuing.instance.wait_for_series("gifts")
    assert issuing.instance.registry.request("gifts").cancelled()
