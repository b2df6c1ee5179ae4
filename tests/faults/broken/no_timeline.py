"""Broken on purpose: neither a new timeline nor a database that goes backwards is noticed."""

from tests.faults.broken import no_witness
from tracking_service.store import skipping

skipping.server_timeline = lambda connection: None  # type: ignore[attr-defined]

app = no_witness.app
