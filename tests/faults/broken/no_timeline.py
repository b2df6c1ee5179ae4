"""Broken on purpose: neither a new timeline nor a database that goes backwards is noticed."""

from tests.faults.broken import no_high_water_mark
from tracking_service.store import skipping

skipping.server_timeline = lambda connection: None  # type: ignore[attr-defined]

app = no_high_water_mark.app
