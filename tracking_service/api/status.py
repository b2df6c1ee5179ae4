"""What /api/status tells: this instance from memory, the fleet's last leases from the database."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tracking_service import __version__
from tracking_service.errors import StoreError

if TYPE_CHECKING:
    from tracking_service.instance.database_health import DatabaseState
    from tracking_service.instance.series import Supply
    from tracking_service.services.issue import Issuer
    from tracking_service.store.blocks import LeasedBlock

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
                self._last = (self._source.latest(limit=LEASES), datetime.now(UTC))
            except StoreError:
                # The leasing thread finds out by itself, and says so.
                pass
            finally:
                self._read_again_at = time.monotonic() + FRESH_SECONDS
        return self._last


def status_body(issuer: "Issuer", latest: LatestLeases) -> dict[str, Any]:
    """Return the body of an answer. Leases nothing, and starts nothing that would."""
    standing = issuer.standing()
    leases, leases_at = latest.read(standing.database)
    return {
        "instance": issuer.instance,
        "version": __version__,
        "ready": standing.ready,
        "reason": standing.reason,
        "database": standing.database,
        "series": [_held(supply) for supply in issuer.supplies],
        "leases": [_leased(block) for block in leases],
        "leases_at": None if leases_at is None else _written(leases_at),
    }


def _held(supply: "Supply") -> dict[str, Any]:
    holding = supply.allocator.holding()
    seconds = supply.meter.lasts(holding.left)
    return {
        "name": supply.series,
        "rate": round(supply.meter.rate, 3),
        "serials": holding.left,
        "reserve_seconds": None if seconds is None else round(seconds, 1),
        "remaining": supply.remaining,
        "blocks": [{"start": block.start, "end": block.end} for block in holding.unspent[:BLOCKS]],
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
