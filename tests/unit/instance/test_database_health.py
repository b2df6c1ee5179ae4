"""Database health: up, away or hanging; and when to try again."""

from __future__ import annotations

import pytest

from tests.support.fakes import Clock, Jitter
from tracking_service.errors import (
    HighWaterMarkError,
    InternalError,
    SchemaError,
    StoreUnavailableError,
    TrackingServiceError,
)
from tracking_service.instance.database_health import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MOST_SECONDS,
    HANGING_SECONDS,
    PING_SECONDS,
    Backoff,
    DatabaseHealth,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> DatabaseHealth:
    return DatabaseHealth(clock)


def test_nothing_is_known_at_first(health: DatabaseHealth) -> None:
    assert ("unknown", False, True) == (health.database, health.failing, health.is_ping_due)


def test_a_database_that_answered_is_up(health: DatabaseHealth) -> None:
    health.succeed()

    assert ("up", False) == (health.database, health.failing)


@pytest.mark.parametrize(
    "error, state",
    [
        (StoreUnavailableError(), "away"),
        # It answered, if not with what was wanted.
        (SchemaError(), "up"),
        (HighWaterMarkError(), "unknown"),
        (InternalError(), "unknown"),
    ],
)
def test_what_an_error_says_of_the_database(
    health: DatabaseHealth, error: TrackingServiceError, state: str
) -> None:
    health.fail(error)

    assert (state, True, error) == (health.database, health.failing, health.error)
    health.succeed()
    assert ("up", False, None) == (health.database, health.failing, health.error)


def test_a_database_that_hangs_counts_as_away_until_the_attempt_ends(
    clock: Clock, health: DatabaseHealth
) -> None:
    health.succeed()
    health.begin()
    states = []
    for seconds in (0.0, HANGING_SECONDS, 0.001):
        clock.now += seconds
        states.append((health.database, health.failing))

    assert [("up", False), ("up", False), ("away", True)] == states
    assert health.error is None
    assert HANGING_SECONDS + 0.001 == pytest.approx(health.seconds_under_way)

    health.end()
    assert ("up", False, 0.0) == (health.database, health.failing, health.seconds_under_way)


def test_each_attempt_has_its_own_time(clock: Clock, health: DatabaseHealth) -> None:
    health.begin()
    clock.now += HANGING_SECONDS
    health.begin()
    clock.now += HANGING_SECONDS

    assert not health.failing


def test_a_ping_is_due_when_the_last_answer_is_old_or_an_error_stands(
    clock: Clock, health: DatabaseHealth
) -> None:
    health.succeed()
    due = []
    for seconds in (0.0, PING_SECONDS - 0.001, 0.001):
        clock.now += seconds
        due.append(health.is_ping_due)
    health.succeed()
    health.fail(SchemaError())

    assert [False, False, True, True] == [*due, health.is_ping_due]


def test_the_back_off_doubles_up_to_a_bound_with_full_jitter() -> None:
    jitter = Jitter()
    backoff = Backoff(jitter)

    longest = [backoff.fail(0.0) for _ in range(40)]

    assert [BACKOFF_FIRST_SECONDS * 2**failures for failures in range(4)] == longest[:4]
    assert {BACKOFF_MOST_SECONDS} == set(longest[6:])
    assert [(0, most) for most in longest] == jitter.bounds


def test_the_back_off_begins_anew_after_a_success() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.fail(0.0)

    backoff.succeed()

    assert BACKOFF_FIRST_SECONDS == backoff.fail(0.0)


def test_nothing_is_to_be_tried_before_the_moment_that_was_drawn() -> None:
    backoff = Backoff(lambda least, most: most)
    assert backoff.until < 0

    backoff.fail(100.0)

    assert 100.0 + BACKOFF_FIRST_SECONDS == backoff.until
