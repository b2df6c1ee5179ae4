"""Readiness: whether the next request would get its number, for how long, and why not.

Nothing here has a thread: each round of leasing is a call, and the clock moves by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import Clock, Jitter
from tracking_service.allocation import HighWaterMarks
from tracking_service.errors import (
    HighWaterMarkError,
    ImpossibleMarkError,
    KeyChangedError,
    SchemaError,
    StoreUnavailableError,
    TrackingServiceError,
)
from tracking_service.instance.database_health import PING_SECONDS
from tracking_service.numbering import Shipment
from tracking_service.services.readiness import Readiness, assess_readiness, in_words

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

SHIPMENT = Shipment("MY", "ID")
AWAY = StoreUnavailableError("the database at 10.0.0.1 does not answer")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stepped(make_issuing: Callable[..., Issuing], clock: Clock) -> Issuing:
    return make_issuing(clock=clock, uniform=Jitter(), threaded=False, wait_seconds=0.0)


@pytest.fixture
def ready(stepped: Issuing) -> Issuing:
    stepped.opened()
    return stepped


def readiness(issuing: Issuing) -> Readiness:
    return assess_readiness(issuing.instance)


def spend_at_10_a_second(issuing: Issuing, clock: Clock, series: str = "default") -> None:
    """Spend 10 serials for each second that the clock moves on, and let that be seen."""
    for _ in range(3):
        issuing.step()
        issuing.issuer.issue_many(SHIPMENT, 20, series)
        clock.now += 2.0
    issuing.step()


def go_away(issuing: Issuing, clock: Clock, error: Exception = AWAY) -> None:
    issuing.store.failure = error
    clock.now += PING_SECONDS
    issuing.step()


def test_nothing_is_ready_before_the_first_block(stepped: Issuing) -> None:
    assert Readiness(False, "no block has been leased yet", 0.0, "unknown") == readiness(stepped)
    assert [] == stepped.series_store.found + stepped.store.calls


def test_an_idle_instance_is_ready_for_as_long_as_nobody_asks(ready: Issuing) -> None:
    assert Readiness(True, None, None, "up") == readiness(ready)


def test_at_a_rate_the_reserve_lasts_so_many_seconds(ready: Issuing, clock: Clock) -> None:
    spend_at_10_a_second(ready, clock)

    assert Readiness(True, None, ready.allocator().left / 10, "up") == readiness(ready)
    assert 900 <= ready.allocator().left / 10


def test_a_busier_series_does_not_shorten_the_default_ones_reserve(
    ready: Issuing, clock: Clock
) -> None:
    ready.opened("gifts")
    spend_at_10_a_second(ready, clock, "gifts")

    assert readiness(ready).reserve_seconds is None


def test_while_the_database_is_away_it_stays_ready_and_says_for_how_long(
    ready: Issuing, clock: Clock
) -> None:
    spend_at_10_a_second(ready, clock)
    go_away(ready, clock)

    found = readiness(ready)

    seconds = found.reserve_seconds
    assert seconds is not None
    reason = f"the database cannot be reached; the reserve lasts about {in_words(seconds)}"
    assert Readiness(True, reason, seconds, "away") == found


@pytest.mark.parametrize(
    "seconds, words",
    [
        (1.4, "1 second"),
        (119, "119 seconds"),
        (812, "14 minutes"),
        (3 * 3600, "3 hours"),
        (17_940_689, "208 days"),
        (86_400e6, "1,000,000 days"),
    ],
)
def test_a_length_of_time_is_said_as_a_person_says_it(seconds: float, words: str) -> None:
    assert words == in_words(seconds)


def test_an_idle_instance_outlasts_any_outage(ready: Issuing, clock: Clock) -> None:
    go_away(ready, clock)

    reason = "the database cannot be reached; the reserve lasts until numbers are asked for"
    assert Readiness(True, reason, None, "away") == readiness(ready)


def test_started_while_the_database_is_away_it_becomes_ready_by_itself(stepped: Issuing) -> None:
    stepped.series_store.failure = AWAY
    stepped.instance.start()
    stepped.step()

    reason = "the database cannot be reached, and no serials are left in memory"
    assert Readiness(False, reason, 0.0, "away") == readiness(stepped)

    stepped.series_store.failure = None
    stepped.step()
    assert readiness(stepped).ready


@pytest.mark.parametrize("error", [SchemaError("run `flask db upgrade`"), KeyChangedError()])
def test_what_an_operator_must_mend_is_said(stepped: Issuing, error: Exception) -> None:
    stepped.store.failure = error
    stepped.instance.start()
    stepped.step()

    # It answered, if not with a block.
    found = readiness(stepped)
    assert (False, str(error), 0.0) == (found.ready, found.reason, found.reserve_seconds)
    assert "away" != found.database


def test_a_fault_of_the_service_itself_is_not_told_to_callers(stepped: Issuing) -> None:
    stepped.instance.start()
    stepped.store.failure = ZeroDivisionError("a secret")
    stepped.step()
    stepped.store.failure = None  # or it would meet the handing back, too

    reason = "The service met a fault of its own, as the log says."
    assert (False, reason) == (readiness(stepped).ready, readiness(stepped).reason)


def test_a_failure_that_is_not_the_databases_is_told_with_how_long_the_reserve_lasts(
    ready: Issuing, clock: Clock
) -> None:
    go_away(ready, clock, SchemaError("run `flask db upgrade`"))

    reason = "run `flask db upgrade`; the reserve lasts until numbers are asked for"
    assert Readiness(True, reason, None, "up") == readiness(ready)


@pytest.mark.parametrize("kind", [HighWaterMarkError, ImpossibleMarkError])
def test_marks_that_stop_the_leases_are_said_without_their_path(
    stepped: Issuing, monkeypatch: pytest.MonkeyPatch, kind: type[TrackingServiceError]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise kind("/var/lib/high-water-marks.json: Read-only file system")

    monkeypatch.setattr(HighWaterMarks, "record", fails)
    stepped.instance.start()
    stepped.step()

    found = readiness(stepped)
    assert (False, str(kind())) == (found.ready, found.reason)
    assert "away" != found.database


def test_one_that_leaves_is_not_ready_and_goes_on_issuing(issuing: Issuing) -> None:
    issuing.ready()

    issuing.instance.stop_being_ready()

    assert (False, "shutting down") == (readiness(issuing).ready, readiness(issuing).reason)
    assert [0, 1] == [issuing.serial(), issuing.serial()]
    # Also from a series that nobody has asked for yet.
    assert 0 == issuing.serial("gifts")
