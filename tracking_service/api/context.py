"""Where the current Flask app keeps what the routes need."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from tracking_service.api.status import LatestLeases
    from tracking_service.instance.instance import Instance
    from tracking_service.services.issue import Issuer
    from tracking_service.services.issue_batch import Batches
    from tracking_service.services.verify import Verifier
    from tracking_service.telemetry.metrics import Metrics

EXTENSION = "tracking"


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the routes work with: `app.extensions["tracking"]`."""

    instance: "Instance"
    issuer: "Issuer"
    batches: "Batches"
    verifier: "Verifier"
    metrics: "Metrics"
    leases: "LatestLeases"
    keys_needed: bool = False


def current_tracking() -> Tracking:
    """That of the app that handles the present request."""
    return cast(Tracking, current_app.extensions[EXTENSION])
