"""What /readyz says of the instance: ready or why not, the database, the reserve in seconds."""

from typing import TYPE_CHECKING, Any

from tracking_service.api.problems import NOT_READY, Problem, problem_of_kind

if TYPE_CHECKING:
    from tracking_service.services.readiness import Readiness


def ready_body(readiness: "Readiness") -> dict[str, Any]:
    """Return the body of an answer that says: ready. `reason` is there where there is one."""
    body: dict[str, Any] = {"status": "ready", **_members(readiness)}
    if readiness.reason is not None:
        body["reason"] = readiness.reason
    return body


def not_ready_problem(readiness: "Readiness") -> Problem:
    """Return the problem that says why the instance cannot issue numbers now."""
    reason = readiness.reason or "This instance cannot issue numbers now."
    return problem_of_kind(NOT_READY, reason, **_members(readiness))


def _members(readiness: "Readiness") -> dict[str, Any]:
    seconds = readiness.reserve_seconds
    rounded = None if seconds is None else round(seconds, 1)
    return {"database": readiness.database, "reserve_seconds": rounded}
