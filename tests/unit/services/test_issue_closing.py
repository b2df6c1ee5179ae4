"""An instance's end: what it did not spend goes back, within a bound, and nothing comes after."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FakeSeries, InThreads
from tracking_service.allocation import Block
from tracking_service.errors import SchemaError, ShuttingDownError, StoreUnavailableError
from tracking_service.numbering import Shipment
from tracking_service.services.readiness import assess_readiness

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

SHIPMENT = Shipment("MY", "ID")


def test_closing_hands_the_rest_of_every_series_back(issuing: Issuing) -> None:
    for _ in range(3):
        issuing.serial()
    issuing.serial("gifts")

    assert 97 + 99 == issuing.instance.close(30)

    assert {"default": (Block(3, 100),), "gifts": (Block(1, 100),)} == issuing.store.handed_back
    assert [("default", 97), ("gifts", 99)] == issuing.observer.returned


def test_one_that_was_never_started_has_nothing_to_hand_back(issuing: Issuing) -> None:
    assert 0 == issuing.instance.close(0)

    assert [] == issuing.series_store.found + issuing.store.calls


def test_nothing_is_issued_after_closing(issuing: Issuing) -> None:
    issuing.serial()
    issuing.instance.close(30)

    for series in ("default", "gifts", "none"):
        with pytest.raises(ShuttingDownError):
            issuing.issuer.issue(SHIPMENT, series)
    issuing.instance.start()
    assert not assess_readiness(issuing.instance).ready
    assert 1 == issuing.store.lease_count


def test_closing_again_hands_nothing_back_twice_and_says_the_same(issuing: Issuing) -> None:
    issuing.serial()

    assert 99 == issuing.instance.close(30)
    assert 99 == issuing.instance.close(0)
    assert 1 == issuing.store.calls.count("hand_back")


def test_those_who_wait_are_woken(issuing: Issuing) -> None:
    issuing.ready()
    issuing.store.open.clear()
    issuing.issuer.issue_many(SHIPMENT, 100)
    waiting = InThreads(2, lambda: issuing.issuer.issue(SHIPMENT))
    first_use = InThreads(2, lambda: issuing.issuer.issue(SHIPMENT, "gifts"))
    issuing.until(lambda: issuing.limiter.waiting == 4, "four to wait")

    issuing.instance.close(0)

    assert [ShuttingDownError] * 4 == [
        type(error) for error in waiting.join().errors + first_use.join().errors
    ]


@pytest.mark.parametrize("again", [False, True])
def test_closing_takes_no_longer_than_it_may_while_the_store_hangs(
    issuing: Issuing, again: bool
) -> None:
    issuing.ready()
    issuing.store.open.clear()
    if again:
        assert None is issuing.instance.close(0.05)
    began = time.monotonic()

    assert None is issuing.instance.close(0.05 if not again else 60)

    assert 10 > time.monotonic() - began
    with pytest.raises(ShuttingDownError):
        issuing.issuer.issue(SHIPMENT)


@pytest.mark.parametrize("error", [StoreUnavailableError(), SchemaError()])
def test_a_store_that_fails_is_not_asked_twice(issuing: Issuing, error: Exception) -> None:
    issuing.serial()
    issuing.serial("gifts")
    issuing.store.failure = error

    assert None is issuing.instance.close(30)
    issuing.store.failure = None

    # What is recorded late would be recorded wrong: nothing of it is known any more.
    assert None is issuing.instance.close(30)
    assert 1 == issuing.store.calls.count("hand_back")
    assert [] == issuing.observer.returned


def test_a_lease_that_is_under_way_goes_back_whole(issuing: Issuing) -> None:
    issuing.ready()
    issuing.store.open.clear()
    issuing.issuer.issue_many(SHIPMENT, 60)
    issuing.until(lambda: 2 == issuing.store.calls.count("lease"), "a lease that hangs")

    closing = InThreads(1, lambda: issuing.instance.close(30))
    issuing.until(lambda: issuing.allocator().closed, "the close")
    issuing.store.open.set()

    [serials] = closing.join().results
    assert serials
    assert 2 == len(issuing.store.committed)
    assert {Block(60, 100), issuing.store.committed[1]} == set(issuing.store.handed_back["default"])


def test_a_series_that_is_being_opened_goes_back_as_well(issuing: Issuing) -> None:
    issuing.ready()
    issuing.store.open.clear()
    asking = InThreads(1, lambda: issuing.issuer.issue(SHIPMENT, "gifts"))
    issuing.until(lambda: 2 == issuing.store.calls.count("lease"), "its first lease")

    closing = InThreads(1, lambda: issuing.instance.close(30))
    issuing.until(lambda: issuing.allocator().closed, "the close")
    issuing.store.open.set()

    assert [200] == closing.join().results
    assert [ShuttingDownError] == [type(error) for error in asking.join().errors]
    assert {"default": (Block(0, 100),), "gifts": (Block(0, 100),)} == issuing.store.handed_back


@pytest.mark.parametrize("attempt", range(5))
def test_closing_amid_requests_parts_all_into_issued_and_handed_back(
    issuing: Issuing, attempt: int
) -> None:
    issuing.ready()

    def hammer() -> list[int]:
        got = []
        while True:
            try:
                got.append(issuing.serial())
            except ShuttingDownError:
                return got

    hammering = InThreads(8, hammer)
    issuing.until(lambda: issuing.store.lease_count > 2 + attempt, "some leases")
    assert issuing.instance.close(30) is not None
    hammering.join()

    issued = [serial for got in hammering.results for serial in got]  # type: ignore[attr-defined]
    returned = _serials(issuing.store.handed_back["default"])
    assert [] == hammering.errors
    assert sorted(issued + returned) == _serials(issuing.store.committed)


@pytest.mark.parametrize("attempt", range(10))
def test_closing_while_series_are_opened_is_safe(issuing: Issuing, attempt: int) -> None:
    for number in range(50):
        issuing.series_store.series[f"s-{number}"] = FakeSeries(f"s-{number}")
    names = iter([f"s-{number}" for number in range(50)])

    def ask() -> None:
        for name in names:
            issuing.issuer.issue(SHIPMENT, name)

    asking = InThreads(8, ask)
    issuing.until(lambda: len(issuing.instance.registry.open) > attempt, "some series")
    assert issuing.instance.close(30) is not None

    assert {ShuttingDownError} >= {type(error) for error in asking.join().errors}
    assert {series for series, _ in issuing.observer.leases} <= set(issuing.store.handed_back)


def _serials(blocks: Iterable[Block]) -> list[int]:
    return [serial for block in blocks for serial in range(block.start, block.end)]
