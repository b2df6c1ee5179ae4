"""Issuing: a shipment in, a number out, and nothing spent that need not be."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import Clock, FakeSeries, InThreads
from tracking_service.errors import (
    KeyChangedError,
    ReserveEmptyError,
    SeriesExhaustedError,
    ShipmentRefusedError,
    StoreUnavailableError,
    UnknownSeriesError,
)
from tracking_service.instance.process import instance_name
from tracking_service.numbering import Shipment
from tracking_service.services import issue as issuing_module

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

SHIPMENT = Shipment("MY", "ID")
AWAY = StoreUnavailableError("the database does not answer")


def test_an_instance_is_named_by_host_pid_and_a_random_part() -> None:
    names = [instance_name() for _ in range(100)]

    host, pid, part = names[0].rsplit(":", 2)
    assert (socket.gethostname(), str(os.getpid())) == (host, pid)
    assert 8 == len(part)
    assert 0 <= int(part, 16)
    assert 100 == len(set(names))


def test_a_long_host_name_fits_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 300)

    assert 255 >= len(instance_name())


def test_nothing_is_asked_before_the_start(issuing: Issuing) -> None:
    assert [] == issuing.catalogue.found + issuing.store.calls
    assert "unknown" == issuing.issuer.database


def test_the_first_request_starts_it(issuing: Issuing) -> None:
    assert [0, 1, 2] == [issuing.serial() for _ in range(3)]
    assert 1 == issuing.store.lease_count


def test_numbers_of_a_series_come_from_its_own_serials(issuing: Issuing) -> None:
    assert [0, 0, 1, 1] == [
        issuing.serial("default"),
        issuing.serial("gifts"),
        issuing.serial("default"),
        issuing.serial("gifts"),
    ]


def test_many_threads_get_each_number_once(issuing: Issuing) -> None:
    issuing.ready()
    hammered = InThreads(16, lambda: [issuing.issuer.issue(SHIPMENT) for _ in range(200)]).join()
    numbers = [number for got in hammered.results for number in got]  # type: ignore[attr-defined]

    assert [] == hammered.errors
    assert 3_200 == len(numbers) == len(set(numbers))


def test_many_serials_at_once_are_spent(issuing: Issuing) -> None:
    number_format, blocks = issuing.issuer.issue_many(SHIPMENT, 250)

    assert 250 == sum(map(len, blocks))
    assert number_format is issuing.issuer.format_of("default")
    assert not any(issuing.serial() in block for block in blocks)


def test_a_series_nobody_asks_for_costs_nothing(issuing: Issuing) -> None:
    issuing.ready()

    assert ["default"] == issuing.catalogue.found


def test_a_refused_shipment_spends_nothing(issuing: Issuing) -> None:
    assert 0 == issuing.serial("ra")

    for refuse in (
        lambda: issuing.issuer.issue(Shipment("ID", "MY"), "ra"),
        lambda: issuing.issuer.issue_many(Shipment("ID", "MY"), 5, "ra"),
        lambda: issuing.issuer.check(Shipment("ID", "MY"), "ra"),
    ):
        with pytest.raises(ShipmentRefusedError):
            refuse()

    assert 1 == issuing.serial("ra")


def test_a_check_spends_nothing(issuing: Issuing) -> None:
    issuing.issuer.check(SHIPMENT)
    issuing.issuer.check(SHIPMENT, "gifts")
    with pytest.raises(UnknownSeriesError):
        issuing.issuer.check(SHIPMENT, "none")

    assert (0, 0) == (issuing.serial(), issuing.serial("gifts"))


def test_an_unknown_series_is_named_to_each_who_asks(issuing: Issuing) -> None:
    issuing.ready()
    asked = InThreads(8, lambda: issuing.issuer.issue(SHIPMENT, "none")).join()

    assert {"there is no series named 'none'"} == set(map(str, asked.errors))
    assert {"none"} == {
        error.name for error in asked.errors if isinstance(error, UnknownSeriesError)
    }
    assert 8 == len(set(map(id, asked.errors)))


def test_an_unknown_series_is_not_looked_up_again_at_once(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(issuing_module, "time", clock)
    for _ in range(5):
        with pytest.raises(UnknownSeriesError):
            issuing.issuer.issue(SHIPMENT, "none")
    assert 1 == issuing.catalogue.found.count("none")

    # A new series is seen without a restart.
    issuing.catalogue.series["none"] = FakeSeries("none")
    clock.now += 0.999
    with pytest.raises(UnknownSeriesError):
        issuing.issuer.issue(SHIPMENT, "none")
    clock.now += 0.001

    assert 0 == issuing.serial("none")


def test_only_so_many_unknown_names_are_remembered(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing_module, "_UNKNOWN_MOST", 8)
    for number in range(30):
        with pytest.raises(UnknownSeriesError):
            issuing.issuer.issue(SHIPMENT, f"none-{number}")

        assert 8 >= len(issuing.issuer._unknown)


def test_a_key_that_changed_issues_nothing_and_holds_no_other_series_up(issuing: Issuing) -> None:
    issuing.ready()
    issuing.catalogue.series["other"] = FakeSeries("other", key=b"k" * 32)

    asked = InThreads(4, lambda: issuing.issuer.issue(SHIPMENT, "other")).join()

    assert [KeyChangedError] * 4 == [type(error) for error in asked.errors]
    assert 4 == len(set(map(id, asked.errors)))
    assert [0] * 50 != [issuing.serial("gifts") for _ in range(50)]
    assert "up" == issuing.issuer.database


def test_an_exhausted_series_is_said_to_be_so(issuing: Issuing) -> None:
    issuing.store.end = 150
    assert list(range(150)) == [issuing.serial() for _ in range(150)]

    with pytest.raises(SeriesExhaustedError):
        issuing.issuer.issue(SHIPMENT)

    readiness = issuing.issuer.readiness()
    assert (False, str(SeriesExhaustedError())) == (readiness.ready, readiness.reason)


def test_what_was_spent_is_known_of_its_own_serials_alone(issuing: Issuing) -> None:
    serial = issuing.serial()
    name = issuing.issuer.instance

    assert issuing.issuer.has_spent("default", serial, name)
    assert not issuing.issuer.has_spent("default", serial + 1, name)
    assert not issuing.issuer.has_spent("default", serial, "host:1:0")
    assert not issuing.issuer.has_spent("gifts", serial, name)


def test_a_first_use_waits_no_longer_than_it_may(make_issuing: Callable[..., Issuing]) -> None:
    issuing = make_issuing(wait_seconds=0.05)
    issuing.store.open.clear()
    issuing.catalogue.failure = AWAY
    began = time.monotonic()

    with pytest.raises(ReserveEmptyError):
        issuing.issuer.issue(SHIPMENT)

    assert 0.05 <= time.monotonic() - began < 10


def test_few_may_wait_for_a_first_use_while_the_database_is_away(issuing: Issuing) -> None:
    is_away(issuing)

    waiting = InThreads(2, lambda: issuing.issuer.issue(SHIPMENT))
    issuing.until(lambda: not free_places(issuing), "two to wait")
    others = InThreads(6, lambda: issuing.issuer.issue(SHIPMENT, "gifts")).join()
    assert [ReserveEmptyError] * 6 == [type(error) for error in others.errors]

    issuing.catalogue.failure = None
    assert [] == waiting.join().errors
    assert 2 == len(set(waiting.results)) == free_places(issuing)


def test_who_waits_for_one_series_takes_the_place_of_who_would_for_another(
    issuing: Issuing,
) -> None:
    issuing.serial()
    issuing.serial("gifts")
    issuing.store.failure = issuing.catalogue.failure = AWAY
    for series in ("default", "gifts"):
        allocator = issuing.issuer._open[series].allocator
        allocator.take(allocator.holding().left)
    issuing.until(lambda: issuing.issuer.database == "away", "the failure")

    waiting = [InThreads(1, lambda: issuing.issuer.issue(SHIPMENT))]
    issuing.until(lambda: 1 == free_places(issuing), "one to wait")
    waiting.append(InThreads(1, lambda: issuing.issuer.issue(SHIPMENT, "gifts")))
    issuing.until(lambda: not free_places(issuing), "another to wait")
    for series in ("default", "gifts", "ra"):
        with pytest.raises(ReserveEmptyError):
            issuing.issuer.issue(SHIPMENT, series)

    issuing.store.failure = issuing.catalogue.failure = None
    assert [[], []] == [threads.join().errors for threads in waiting]
    assert 2 == free_places(issuing)


def test_nobody_waits_for_a_first_use_where_none_may(make_issuing: Callable[..., Issuing]) -> None:
    issuing = make_issuing(waiting_requests=0)
    is_away(issuing)
    began = time.monotonic()

    for series in ("default", "gifts"):
        with pytest.raises(ReserveEmptyError):
            issuing.issuer.issue(SHIPMENT, series)

    # Who may wait does so for half a minute.
    assert 10 > time.monotonic() - began


def is_away(issuing: Issuing) -> None:
    issuing.catalogue.failure = AWAY
    issuing.issuer.start()
    issuing.until(lambda: issuing.issuer.database == "away", "the failure")


def free_places(issuing: Issuing) -> int:
    free: int = issuing.issuer._waiting._places._value
    return free


@pytest.mark.parametrize("jump", [1e9, -1e9, float("inf")])
def test_a_wall_clock_that_jumps_changes_no_number_and_no_waiting(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    issuing.ready()
    before = [issuing.serial() for _ in range(50)]
    now = time.time()

    monkeypatch.setattr(time, "time", lambda: now + jump)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    after = [issuing.serial() for _ in range(250)]
    with pytest.raises(UnknownSeriesError):
        issuing.issuer.issue(SHIPMENT, "none")

    assert list(range(300)) == before + after
    issuing.ready()
    assert issuing.issuer.close(30)
