"""Metrics of what cannot be seen from outside: leases, skips, hand-backs.

Names and units follow https://prometheus.io/docs/practices/naming/.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tracking_service.errors import StoreError, WitnessError

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Listens to the allocation core, and renders what it heard."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._leases = Counter(
            "tracking_leases",
            "Leases by outcome: leased, store_error, witness_error, error.",
            ["outcome"],
            registry=self._registry,
        )
        self._lease_seconds = Histogram(
            "tracking_lease_duration_seconds",
            "How long a lease took.",
            registry=self._registry,
        )
        self._leased = Counter(
            "tracking_leased_serials",
            "Serials leased, by series.",
            ["series"],
            registry=self._registry,
        )
        self._backwards = Counter(
            "tracking_series_went_backwards",
            "Times that a database claimed less of a series than is known, and was skipped ahead.",
            ["series"],
            registry=self._registry,
        )
        self._handed_back = Counter(
            "tracking_handed_back_serials",
            "Unspent serials handed back at shutdown, by series.",
            ["series"],
            registry=self._registry,
        )

    def leased(self, series: str, serials: int, seconds: float) -> None:
        """See `allocation.Observer`."""
        self._leases.labels("leased").inc()
        self._lease_seconds.observe(seconds)
        self._leased.labels(series).inc(serials)

    def lease_failed(self, error: Exception, seconds: float) -> None:
        """See `allocation.Observer`."""
        outcome = "error"
        if isinstance(error, StoreError):
            outcome = "store_error"
        elif isinstance(error, WitnessError):
            outcome = "witness_error"
        self._leases.labels(outcome).inc()
        self._lease_seconds.observe(seconds)

    def went_backwards(self, series: str) -> None:
        """See `allocation.Observer`."""
        self._backwards.labels(series).inc()

    def handed_back(self, series: str, serials: int) -> None:
        """See `allocation.Observer`."""
        self._handed_back.labels(series).inc(serials)

    def render(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)
