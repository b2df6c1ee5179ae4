"""The bodies of /api/fleet and /api/status/history, which the page at /fleet shows."""

from typing import Any

from tracking_service import __version__
from tracking_service.api.status import rounded
from tracking_service.clock import format_utc
from tracking_service.instance.instance import Instance
from tracking_service.services.aged_read import AgedRead
from tracking_service.services.fleet import Fleet, FleetInstance, FleetSeries
from tracking_service.telemetry.history import History


def fleet_body(instance: Instance, watched: AgedRead[Fleet]) -> dict[str, Any]:
    """Return the body of /api/fleet. The database is asked at most once in some seconds."""
    database = instance.health.database
    fleet, read_at = watched.read(database)
    held = sum(state.held for state in instance.state().series)
    return {
        "database": database,
        "read_at": None if read_at is None else format_utc(read_at),
        "since": None if fleet.since is None else format_utc(fleet.since),
        "blocks": fleet.blocks,
        "series": [_series(each) for each in fleet.series],
        "more_series": fleet.has_more_series,
        "instances": [_instance(each, instance.name, held) for each in fleet.instances],
        "more_instances": fleet.has_more_instances,
    }


def history_body(history: History) -> dict[str, Any]:
    """Return the body of /api/status/history. Asks no database."""
    return {
        "samples": [
            {"age": round(age, 1), "rate": round(sample.rate, 3), "serials": sample.serials}
            for age, sample in history.samples()
        ]
    }


def _series(series: FleetSeries) -> dict[str, Any]:
    return {
        "name": series.count.name,
        "remaining": series.count.remaining,
        "block_size": series.count.block_size,
        "returned_blocks": series.count.returned_blocks,
        "rate": None if series.rate is None else round(series.rate, 3),
        "lasts_seconds": rounded(series.lasts_seconds),
        "successor": series.count.successor,
        "closed": series.count.is_closed,
    }


def _instance(instance: FleetInstance, own: str, held: int) -> dict[str, Any]:
    is_this = instance.name == own
    return {
        "name": instance.name,
        "this": is_this,
        # No block records a version: each instance knows its own alone.
        "version": __version__ if is_this else None,
        "since": format_utc(instance.since),
        "leased_at": format_utc(instance.leased_at),
        "ended": instance.has_ended,
        "blocks": instance.blocks,
        "held_at_most": held if is_this else instance.held_at_most,
        "exact": is_this,
    }
