"""The bodies of /readyz and /api/status.

This instance's state is in memory; only the fleet's last leases come from the database.
"""

from collections.abc import Sequence
from typing import Any

from tracking_service import __version__
from tracking_service.api.problems import NOT_READY, Problem, problem_of_kind
from tracking_service.clock import format_utc
from tracking_service.instance.instance import Instance
from tracking_service.records import LeasedBlock
from tracking_service.services.aged_read import AgedRead
from tracking_service.services.readiness import Readiness, assess_readiness
from tracking_service.telemetry.state import SeriesState

BLOCKS = 20
"""How many blocks of a series are shown, those that are spent first."""


def ready_body(readiness: Readiness) -> dict[str, Any]:
    """Return the body of /readyz for an instance that is ready; `reason` is there if it has one."""
    body: dict[str, Any] = {"status": "ready", **_members(readiness)}
    if readiness.reason is not None:
        body["reason"] = readiness.reason
    return body


def not_ready_problem(readiness: Readiness) -> Problem:
    """Return the problem of /readyz for an instance that is not ready."""
    reason = readiness.reason or "This instance cannot issue numbers now."
    return problem_of_kind(NOT_READY, reason, **_members(readiness))


def status_body(instance: Instance, latest: AgedRead[Sequence[LeasedBlock]]) -> dict[str, Any]:
    """Return the body of /api/status. Leases nothing, and starts no lease."""
    readiness = assess_readiness(instance)
    leases, leases_at = latest.read(readiness.database)
    return {
        "instance": instance.name,
        "version": __version__,
        "ready": readiness.ready,
        "reason": readiness.reason,
        "database": readiness.database,
        "series": [_series(state) for state in instance.state().series],
        "leases": [_leased(block) for block in leases],
        "leases_at": None if leases_at is None else format_utc(leases_at),
    }


def _members(readiness: Readiness) -> dict[str, Any]:
    return {
        "database": readiness.database,
        "reserve_seconds": rounded(readiness.reserve_seconds),
    }


def _series(state: SeriesState) -> dict[str, Any]:
    return {
        "name": state.series,
        "rate": round(state.rate, 3),
        "serials": state.held,
        "reserve_seconds": rounded(state.reserve_seconds),
        "remaining": state.remaining,
        "successor": state.successor,
        "closed": state.is_closed,
        "blocks": [{"start": start, "end": end} for start, end in state.unspent[:BLOCKS]],
    }


def _leased(block: LeasedBlock) -> dict[str, Any]:
    return {
        "id": block.id,
        "series": block.series,
        "start": block.start,
        "end": block.end,
        "state": block.state,
        "instance": block.instance,
        "leased_at": format_utc(block.leased_at),
    }


def rounded(seconds: float | None) -> float | None:
    """Return seconds to a tenth."""
    return None if seconds is None else round(seconds, 1)
