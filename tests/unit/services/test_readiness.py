"""Readiness: whether the next request would get its number, for how long, and why not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import Clock
from tracking_service.allocation import Witness
from tracking_service.errors import (
    KeyChangedError,
    SchemaError,
    StoreUnavailableError,
    WitnessError,
)
from tracking_service.instance import database_health as attempts
from tracking_service.instance import leaser as refiller
from tracking_service.numbering import Shipment
from tracking_service.services.readiness import Readiness

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

SHIPMENT = Shipment("MY", "ID")
AWAY = StoreUnavailableError("the database at 10.0.0.1 does not answer")


def test_asking_starts_the_instance(issuing: Issuing) -> None:
    issuing.store.open.clear()

    assert Readiness(False, "no block has been leased yet", 0.0, "unknown") == (
        issuing.issuer.readiness()
    )
    issuing.store.open.set()
    issuing.ready()


def test_an_idle_instance_is_ready_for_as_long_as_nobody_asks(issuing: Issuing) -> None:
    issuing.ready()

    assert Readiness(True, None, None, "up") == issuing.issuer.readiness()


def test_at_a_rate_the_reserve_lasts_so_many_seconds(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(refiller, "time", clock)
    issuing.ready()
    _spend_at_10_a_second(issuing, clock)

    readiness = issuing.issuer.readiness()

    assert (True, None, "up") == (readiness.ready, readiness.reason, readiness.database)
    (supply,) = issuing.issuer.supplies
    assert supply.allocator.holding().left / 10 == readiness.reserve_seconds
    assert 900 <= (readiness.reserve_seconds or 0)


def test_a_busier_series_does_not_shorten_the_default_ones_reserve(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(refiller, "time", clock)
    issuing.ready()
    issuing.issuer.check(SHIPMENT, "gifts")
    _spend_at_10_a_second(issuing, clock, "gifts")

    assert issuing.issuer.readiness().reserve_seconds is None


def test_while_the_database_is_away_it_stays_ready_and_says_for_how_long(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(refiller, "time", clock)
    issuing.ready()
    _spend_at_10_a_second(issuing, clock)
    issuing.store.failure = AWAY
    clock.now += attempts.PING_SECONDS
    issuing.issuer._refiller.call()
    issuing.until(lambda: issuing.issuer.database == "away", "the failure")

    readiness = issuing.issuer.readiness()

    seconds = readiness.reserve_seconds
    assert seconds is not None
    assert (
        Readiness(
            True,
            f"the database cannot be reached; the reserve lasts about {seconds:.0f} seconds",
            seconds,
            "away",
        )
        == readiness
    )


def test_an_idle_instance_outlasts_any_outage(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuing.ready()
    monkeypatch.setattr(attempts, "PING_SECONDS", 0.0)
    issuing.store.failure = AWAY
    issuing.issuer._refiller.call()
    issuing.until(lambda: issuing.issuer.database == "away", "the failure")

    assert (
        Readiness(
            True,
            "the database cannot be reached; the reserve lasts until numbers are asked for",
            None,
            "away",
        )
        == issuing.issuer.readiness()
    )


def test_started_while_the_database_is_away_it_becomes_ready_by_itself(issuing: Issuing) -> None:
    issuing.catalogue.failure = AWAY
    issuing.issuer.start()
    issuing.until(lambda: issuing.issuer.database == "away", "the failure")

    readiness = issuing.issuer.readiness()
    assert (
        Readiness(
            False, "the database cannot be reached, and no serials are left in memory", 0.0, "away"
        )
        == readiness
    )

    issuing.catalogue.failure = None
    issuing.ready()


@pytest.mark.parametrize("error", [SchemaError("run `flask db upgrade`"), KeyChangedError()])
def test_what_an_operator_must_mend_is_said(issuing: Issuing, error: Exception) -> None:
    issuing.store.failure = error
    issuing.issuer.start()
    issuing.until(lambda: issuing.observer.failures, "the failure")
    issuing.until(lambda: issuing.issuer.readiness().reason == str(error), "the reason")

    readiness = issuing.issuer.readiness()

    # It answered, if not with a block.
    assert Readiness(False, str(error), 0.0, "up") == readiness


def test_a_fault_of_the_service_itself_is_not_told_to_callers(issuing: Issuing) -> None:
    issuing.store.failure = ZeroDivisionError("a secret")
    issuing.issuer.start()
    issuing.until(lambda: issuing.issuer.failing, "the failure")

    readiness = issuing.issuer.readiness()
    issuing.store.failure = None  # or it would meet the handing back, too

    assert (False, "leasing fails, as the log says") == (readiness.ready, readiness.reason)


def test_a_failure_that_is_not_the_databases_is_told_with_how_long_the_reserve_lasts(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuing.ready()
    monkeypatch.setattr(attempts, "PING_SECONDS", 0.0)
    issuing.store.failure = SchemaError("run `flask db upgrade`")
    issuing.issuer._refiller.call()
    issuing.until(lambda: issuing.issuer.failing, "the failure")

    reason = "run `flask db upgrade`; the reserve lasts until numbers are asked for"
    assert Readiness(True, reason, None, "up") == issuing.issuer.readiness()


def test_a_witness_that_cannot_be_written_is_said(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise WitnessError("witness.json: Read-only file system")

    monkeypatch.setattr(Witness, "record", fails)
    issuing.issuer.start()
    issuing.until(lambda: issuing.observer.failures, "the failure")

    readiness = issuing.issuer.readiness()

    # Which file, the log says.
    assert (False, str(WitnessError())) == (readiness.ready, readiness.reason)
    assert "away" != readiness.database


def test_one_that_leaves_is_not_ready_and_goes_on_issuing(issuing: Issuing) -> None:
    issuing.ready()

    issuing.issuer.stop_being_ready()

    readiness = issuing.issuer.readiness()
    assert (False, "shutting down") == (readiness.ready, readiness.reason)
    assert [0, 1] == [issuing.serial(), issuing.serial()]
    # Also from a series that nobody has asked for yet.
    assert 0 == issuing.serial("gifts")


def test_asking_one_that_leaves_does_not_start_it(issuing: Issuing) -> None:
    issuing.issuer.stop_being_ready()
    issuing.issuer.readiness()

    assert issuing.issuer.close(0)
    assert [] == issuing.catalogue.found + issuing.store.calls


def _spend_at_10_a_second(issuing: Issuing, clock: Clock, series: str = "default") -> None:
    """Spend 10 serials for each second that `clock` is moved on, and let that be seen."""
    (supply,) = [each for each in issuing.issuer.supplies if each.series == series]
    for _ in range(2):
        issuing.issuer.issue_many(SHIPMENT, 20, series)
        clock.now += 2.0
        issuing.issuer._refiller.call()
        issuing.until(lambda: supply.meter._at == clock.now, "the rate to be measured")
    issuing.until(lambda: 10 == supply.meter.rate, "the rate")
    issuing.until(lambda: supply.allocator.holding().left >= 9_000, "the reserve")
    issuing.until(
        lambda: issuing.issuer._refiller._attempts.lasted(math.inf) == 0, "the end of that"
    )
