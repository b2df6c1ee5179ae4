"""The body of /readyz."""

import pytest

from tracking_service.api.status import not_ready_problem, ready_body
from tracking_service.services.readiness import Readiness


@pytest.mark.parametrize("seconds, told", [(None, None), (0.0, 0.0), (812.3456, 812.3), (900, 900)])
def test_the_reserve_is_told_in_seconds_where_it_is_known(
    seconds: float | None, told: float | None
) -> None:
    readiness = Readiness(ready=True, reason=None, reserve_seconds=seconds, database="up")

    assert ready_body(readiness) == {"status": "ready", "database": "up", "reserve_seconds": told}


def test_a_ready_instance_without_its_database_says_so() -> None:
    readiness = Readiness(
        ready=True, reason="the database is away", reserve_seconds=90.0, database="away"
    )

    assert ready_body(readiness) == {
        "status": "ready",
        "database": "away",
        "reserve_seconds": 90.0,
        "reason": "the database is away",
    }


@pytest.mark.parametrize("reason", [None, "the database is away and the reserve is empty"])
def test_an_instance_that_is_not_ready_is_a_problem_with_a_reason(reason: str | None) -> None:
    readiness = Readiness(ready=False, reason=reason, reserve_seconds=0.0, database="away")

    problem = not_ready_problem(readiness)

    assert problem.status == 503
    assert problem.type == "/problems/not-ready"
    assert problem.detail == (reason or "This instance cannot issue numbers now.")
    assert problem.members == {"database": "away", "reserve_seconds": 0.0}
    assert ("Retry-After", "1") in problem.headers
