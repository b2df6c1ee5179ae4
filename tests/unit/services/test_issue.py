"""Issuing: a shipment in, a number out, and nothing spent that need not be."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import InThreads
from tracking_service.errors import (
    SeriesExhaustedError,
    ShipmentRefusedError,
    StoreUnavailableError,
    UnknownSeriesError,
)
from tracking_service.instance.process import instance_name
from tracking_service.numbering import Shipment
from tracking_service.services.readiness import assess_readiness

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


def test_an_instance_is_named_as_it_is_told_and_no_two_alike() -> None:
    names = {instance_name("web-1") for _ in range(100)}

    assert 100 == len(names)
    assert {("web-1", str(os.getpid()))} == {tuple(name.split(":")[:2]) for name in names}


def test_a_long_host_name_fits_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 300)

    assert 255 >= len(instance_name())


def test_nothing_is_asked_before_the_start(issuing: Issuing) -> None:
    assert [] == issuing.series_store.found + issuing.store.calls
    assert "unknown" == issuing.instance.health.database


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
    series, number_format, blocks = issuing.issuer.issue_many(SHIPMENT, 250)

    assert "default" == series
    assert 250 == sum(map(len, blocks))
    assert number_format is issuing.issuer.format_of("default")
    assert not any(issuing.serial() in block for block in blocks)


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


def test_an_exhausted_series_is_said_to_be_so(issuing: Issuing) -> None:
    issuing.store.end = 150
    assert list(range(150)) == [issuing.serial() for _ in range(150)]

    with pytest.raises(SeriesExhaustedError):
        issuing.issuer.issue(SHIPMENT)

    readiness = assess_readiness(issuing.instance)
    assert (False, str(SeriesExhaustedError())) == (readiness.ready, readiness.reason)


def test_what_was_spent_is_known_of_its_own_serials_alone(issuing: Issuing) -> None:
    serial = issuing.serial()
    name = issuing.instance.name

    assert issuing.instance.has_spent("default", serial, name)
    assert not issuing.instance.has_spent("default", serial + 1, name)
    assert not issuing.instance.has_spent("default", serial, "host:1:0")
    assert not issuing.instance.has_spent("gifts", serial, name)
