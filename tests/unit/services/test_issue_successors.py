"""A series that has no serials left gives way to its successor; one that is closed gives nothing.

The fake series store changes as an operator would change the database; the clock moves by hand.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import Clock, FakeSeries, Jitter
from tracking_service.allocation import Block
from tracking_service.errors import (
    ReserveEmptyError,
    SeriesClosedError,
    SeriesExhaustedError,
    StoreUnavailableError,
)
from tracking_service.instance.succession import NOTICE_SECONDS
from tracking_service.instance.supply import ENDING_BLOCKS
from tracking_service.numbering import Format, Shipment, parse
from tracking_service.services.readiness import assess_readiness

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

SHIPMENT = Shipment("MY", "ID")
LINE = ("default", "air-2", "air-3")
CLOSED_AT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuing(make_issuing: Callable[..., Issuing], clock: Clock) -> Issuing:
    """An instance without a thread; three series of 150 serials, in blocks of 100."""
    issuing = make_issuing(clock=clock, uniform=Jitter(), threaded=False, wait_seconds=0.0)
    for name in LINE:
        pattern = parse(f"N{LINE.index(name)}{{body:10}}{{check}}", "crockford")
        issuing.series_store.series[name] = FakeSeries(name, number_space=name, pattern=pattern)
    issuing.store.end = 150
    return issuing


def tell(issuing: Issuing, name: str, **said: Any) -> None:
    """Say something of a series, as an operator does."""
    issuing.series_store.series[name] = replace(issuing.series_store.series[name], **said)


def hear(issuing: Issuing, clock: Clock) -> None:
    """Let the instance read what was said."""
    clock.now += NOTICE_SECONDS
    issuing.step()


def giver(issuing: Issuing, series: str = "default") -> str:
    """Issue a number for those who ask for `series`; the series that it is of."""
    number, _ = issuing.issuer.issue(SHIPMENT, series)
    name = LINE[int(number[1])]
    record = issuing.series_store.series[name]
    Format(record.pattern, record.key).decode(number)
    return name


def givers(issuing: Issuing, count: int, series: str = "default") -> list[str]:
    """The same for many numbers, with a round of leasing after each."""
    found = []
    for _ in range(count):
        found.append(giver(issuing, series))
        issuing.step()
    return found


def test_a_line_of_series_is_issued_from_one_after_the_other(issuing: Issuing) -> None:
    tell(issuing, "default", successor="air-2")
    tell(issuing, "air-2", successor="air-3")
    issuing.opened()

    found = givers(issuing, 450)

    assert ["default"] * 150 + ["air-2"] * 150 + ["air-3"] * 150 == found
    with pytest.raises(SeriesExhaustedError):
        giver(issuing)


def test_a_switch_that_was_planned_is_no_error_in_the_log(
    issuing: Issuing, caplog: pytest.LogCaptureFixture
) -> None:
    tell(issuing, "default", successor="air-2")
    issuing.opened()
    with caplog.at_level(logging.INFO):
        givers(issuing, 160)
        issuing.step()
        planned = [record for record in caplog.records if "takes over" in record.getMessage()]
        assert [logging.INFO] == [record.levelno for record in planned]
        assert all(record.levelno < logging.ERROR for record in caplog.records)
        # The end of the line is one.
        with pytest.raises(SeriesExhaustedError):
            givers(issuing, 150)

    assert any(record.levelno == logging.ERROR for record in caplog.records)


def test_the_successor_is_opened_and_stocked_before_it_is_needed(issuing: Issuing) -> None:
    tell(issuing, "default", successor="air-2")
    issuing.store.end = 100 * ENDING_BLOCKS + 100
    issuing.opened()
    issuing.step(3)
    assert {"default"} == set(issuing.instance.registry.open)

    issuing.allocator().take(60)
    issuing.step(2)

    assert {"default", "air-2"} == set(issuing.instance.registry.open)
    assert 100 == issuing.allocator("air-2").left


def test_a_successor_that_is_named_meanwhile_is_heard_of(issuing: Issuing, clock: Clock) -> None:
    issuing.opened()
    givers(issuing, 150)
    with pytest.raises(SeriesExhaustedError):
        giver(issuing)

    tell(issuing, "default", successor="air-2")
    with pytest.raises(SeriesExhaustedError):
        giver(issuing)
    hear(issuing, clock)
    assert "air-2" == giver(issuing)

    tell(issuing, "default", successor="air-3")
    hear(issuing, clock)
    assert "air-3" == giver(issuing)

    tell(issuing, "default", successor=None)
    hear(issuing, clock)
    with pytest.raises(SeriesExhaustedError):
        giver(issuing)


def test_what_others_have_leased_opens_the_successor(issuing: Issuing, clock: Clock) -> None:
    """An idle instance has not asked for long how much is left."""
    tell(issuing, "default", successor="air-2")
    issuing.store.end = 10**12
    issuing.opened()
    assert {"default"} == set(issuing.instance.registry.open)

    tell(issuing, "default", next_serial=10**12)
    hear(issuing, clock)

    assert {"default", "air-2"} == set(issuing.instance.registry.open)


def test_a_tail_that_another_hands_back_is_used_as_well(issuing: Issuing, clock: Clock) -> None:
    tell(issuing, "default", successor="air-2")
    issuing.opened()
    givers(issuing, 160)
    issuing.store.tails = [Block(240, 245)]

    # The exhausted series is asked for again in its own time, and no request waits for that.
    clock.now += 10
    issuing.step()

    assert ["default"] * 5 + ["air-2"] * 5 == givers(issuing, 10)


def test_a_batch_is_of_one_series_and_leaves_single_numbers_what_is_too_few(
    issuing: Issuing,
) -> None:
    tell(issuing, "default", successor="air-2")
    issuing.opened()
    issuing.allocator().take(90)
    issuing.step(2)
    assert 60 == issuing.allocator().left

    series, number_format, blocks = issuing.issuer.issue_many(SHIPMENT, 70)

    assert ("air-2", 70) == (series, sum(map(len, blocks)))
    assert issuing.issuer.format_of("air-2") is number_format
    assert ["default"] * 60 + ["air-2"] == [giver(issuing) for _ in range(61)]


def test_without_the_database_it_goes_on_with_what_the_successor_has(issuing: Issuing) -> None:
    """No request waits while either has serials in memory, though nobody knows what is left."""
    tell(issuing, "default", successor="air-2")
    issuing.opened()
    issuing.step(2)
    issuing.store.failure = StoreUnavailableError()
    issuing.instance.limiter.resize(1)

    issuing.allocator().take(95)
    issuing.step()
    found = [giver(issuing) for _ in range(5 + 100)]

    assert ["default"] * 5 + ["air-2"] * 100 == found
    with pytest.raises(ReserveEmptyError):
        giver(issuing)


def test_readiness_counts_what_the_successors_hold(issuing: Issuing) -> None:
    tell(issuing, "default", successor="air-2")
    issuing.opened()
    givers(issuing, 160)
    readiness = assess_readiness(issuing.instance)

    assert readiness.ready
    assert readiness.reason is None

    givers(issuing, 140)
    assert not assess_readiness(issuing.instance).ready


def test_a_circle_for_a_moment_ends_in_an_error_and_not_in_a_loop(
    issuing: Issuing, clock: Clock
) -> None:
    """What is said of a series that is opened is newer than what is known of the others."""
    tell(issuing, "default", successor="air-2")
    tell(issuing, "air-2", successor="default")
    issuing.opened()
    givers(issuing, 300)

    with pytest.raises(SeriesExhaustedError):
        giver(issuing)


def test_a_closed_series_gives_nothing_and_hands_back_what_was_not_spent(
    issuing: Issuing, clock: Clock
) -> None:
    issuing.opened("air-2")
    givers(issuing, 10, "air-2")
    tell(issuing, "air-2", closed_at=CLOSED_AT)
    assert "air-2" == giver(issuing, "air-2")

    hear(issuing, clock)

    for refused in (
        lambda: issuing.issuer.issue(SHIPMENT, "air-2"),
        lambda: issuing.issuer.issue_many(SHIPMENT, 2, "air-2"),
        lambda: issuing.issuer.check(SHIPMENT, "air-2"),
        lambda: issuing.issuer.known_format("air-2"),
    ):
        with pytest.raises(SeriesClosedError, match="the series air-2 is closed"):
            refused()
    assert (Block(11, 100),) == issuing.store.handed_back["air-2"]
    assert 1 == issuing.store.calls.count("hand_back")
    issuing.step(3)
    assert 1 == issuing.store.calls.count("hand_back")
    state = next(each for each in issuing.instance.state().series if each.series == "air-2")
    assert (0, 0, 11, True) == (state.held, state.remaining, state.issued, state.is_closed)
    assert issuing.instance.has_spent("air-2", 10, issuing.instance.name)
    assert not issuing.instance.has_spent("air-2", 11, issuing.instance.name)


def test_a_lease_may_hear_of_the_closing_first(issuing: Issuing) -> None:
    issuing.opened("air-2")
    issuing.store.closed.add("air-2")
    givers(issuing, 50, "air-2")
    issuing.step()

    with pytest.raises(SeriesClosedError):
        giver(issuing, "air-2")
    assert (Block(50, 100),) == issuing.store.handed_back["air-2"]


def test_what_cannot_be_handed_back_now_is_later(issuing: Issuing, clock: Clock) -> None:
    issuing.opened("air-2")
    tell(issuing, "air-2", closed_at=CLOSED_AT)
    issuing.store.failure = StoreUnavailableError()
    hear(issuing, clock)
    with pytest.raises(SeriesClosedError):
        giver(issuing, "air-2")
    assert {} == issuing.store.handed_back

    issuing.store.failure = None
    clock.now += 10
    issuing.step()

    assert (Block(0, 100),) == issuing.store.handed_back["air-2"]


def test_a_series_that_was_closed_before_is_opened_without_a_lease(issuing: Issuing) -> None:
    """Its numbers are written again for those who repeat a request of before."""
    tell(issuing, "air-2", closed_at=CLOSED_AT)
    with pytest.raises(SeriesClosedError):
        issuing.issuer.known_format("air-2")
    issuing.instance.registry.request("air-2")
    issuing.step(2)

    assert {"ping"} >= set(issuing.store.calls)
    assert 12 + 1 == issuing.issuer.format_of("air-2").width
    with pytest.raises(SeriesClosedError):
        giver(issuing, "air-2")


def test_a_closed_series_with_a_successor_gives_way_to_it(issuing: Issuing, clock: Clock) -> None:
    issuing.opened("air-2")
    tell(issuing, "air-2", closed_at=CLOSED_AT, successor="air-3")

    hear(issuing, clock)

    # It was opened and stocked in that same round.
    assert ["air-3"] * 3 == [giver(issuing, "air-2") for _ in range(3)]
    issuing.issuer.check(SHIPMENT, "air-2")
