"""What an instance holds now, as metrics and pages tell it. Asks no database and starts nothing."""

from typing import TYPE_CHECKING

from tracking_service.telemetry.state import InstanceState, SeriesState

if TYPE_CHECKING:
    from tracking_service.services.issue import Issuer


def instance_state(issuer: "Issuer") -> InstanceState:
    """The state of `issuer`: costs a lock for each series that it has opened."""
    series = []
    for supply in issuer.supplies:
        holding = supply.allocator.holding()
        series.append(
            SeriesState(
                supply.series, holding.spent, holding.left, supply.meter.rate, supply.remaining
            )
        )
    return InstanceState(issuer.database, tuple(series))
