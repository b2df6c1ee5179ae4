"""What /api/status tells: this instance from memory, the fleet's last leases from the database."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tracking_service import __version__
from tracking_service.clock import utc_now
from tracking_service.errors import StoreError
from tracking_service.services.readiness import assess_readiness

if TYPE_CHECKING:
    from tracking_service.instance.database_health import DatabaseState
    from tracking_service.instance.instance import Instance
    from tracking_service.store.blocks import LeasedBlock
    from tracking_service.telemetry.state import SeriesState

LEASES = 12
"""How many of the fleet's leases are told."""

BLOCKS = 20
"""How many blocks of a series are told, those that are spent first."""

FRESH_SECONDS = 1.0
"""However many ask, the database is asked no more often than this by one instance."""

READING_SECONDS = 30.0
"""While one request reads the database, others do not wait for it: longer than it can take."""


class LeaseSource(Protocol):
    """Where leases are looked up. May raise StoreError."""

    def latest(self, *, limit: int) -> "Sequence[LeasedBlock]":
        """The last leases, the newest first."""


class LatestLeases:
    """The fleet's last leases as they were last read: old ones rather than a wait.

    It has no lock, so that a fork cannot copy one that is held: should two requests read the
    database at once, it does no harm.
    """

    def __init__(self, source: LeaseSource) -> None:
        self._source = source
        self._read_again_at = float("-inf")
        self._last: tuple[Sequence[LeasedBlock], datetime | None] = ((), None)

    def read(self, database: "DatabaseState") -> "tuple[Sequence[LeasedBlock], datetime | None]":
        """The leases, and when they were read: None where they never were."""
        now = time.monotonic()
        if database != "away" and now >= self._read_again_at:
            self._read_again_at = now + READING_SECONDS
            try:
                self._last = (self._source.latest(limit=LEASES), utc_now())
            except StoreError:
                # The leasing thread finds out by itself, and says so.
                pass
            finally:
                self._read_again_at = time.monotonic() + FRESH_SECONDS
        return self._last


def status_body(instance: "Instance", latest: LatestLeases) -> dict[str, Any]:
    """Return the body of an answer. Leases nothing, and starts nothing that would."""
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
        "leases_at": None if leases_at is None else _written(leases_at),
    }


def _series(state: "SeriesState") -> dict[str, Any]:
    seconds = state.reserve_seconds
    return {
        "name": state.series,
        "rate": round(state.rate, 3),
        "serials": state.held,
        "reserve_seconds": None if seconds is None else round(seconds, 1),
        "remaining": state.remaining,
        "blocks": [{"start": start, "end": end} for start, end in state.unspent[:BLOCKS]],
    }


def _leased(block: "LeasedBlock") -> dict[str, Any]:
    return {
        "id": block.id,
        "series": block.series,
        "start": block.start,
        "end": block.end,
        "state": block.state,
        "instance": block.instance,
        "leased_at": _written(block.leased_at),
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
