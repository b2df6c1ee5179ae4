"""Metrics of this process, and of all worker processes that share its port."""

import math
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tracking_service.errors import (
    CounterWentBackwardsError,
    HighWaterMarkError,
    SeriesExhaustedError,
    StoreError,
    StoreUnavailableError,
)
from tracking_service.telemetry import exposition
from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.history import History
from tracking_service.telemetry.multiprocess import GAUGE
from tracking_service.telemetry.state import InstanceState

# The first class that an error is an instance of decides.
_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (SeriesExhaustedError, "exhausted"),
    (StoreUnavailableError, "database_unavailable"),
    (CounterWentBackwardsError, "went_backwards"),
    (StoreError, "store_error"),
    (HighWaterMarkError, "high_water_mark_error"),
)

_UP = {"up": 1.0, "away": 0.0, "unknown": math.nan}


class Metrics(Collector):
    """Observes the allocation core, and renders the metrics.

    Its methods may be called from any number of threads.
    """

    def __init__(self, counters: Counters | None = None, history: History | None = None) -> None:
        """`counters` are rendered; requests are counted there already.

        `history` is given every state that is looked at, about once a second.
        """
        self._counters = counters or Counters()
        self._history = history or History()
        self._state: Callable[[], InstanceState] | None = None

    def watch(self, state: Callable[[], InstanceState]) -> None:
        """Call `state` at each scrape; it must not ask the database."""
        self._state = state

    def leased(self, series: str, serials: int, seconds: float) -> None:
        """See `allocation.Observer`."""
        self._counters.observe((exposition.LEASES, "leased"), seconds)
        self._counters.increment((exposition.LEASED, series), serials)

    def lease_failed(self, error: Exception, seconds: float) -> None:
        """See `allocation.Observer`."""
        outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "error")
        self._counters.observe((exposition.LEASES, outcome), seconds)

    def went_backwards(self, series: str) -> None:
        """See `allocation.Observer`."""
        self._counters.increment((exposition.SKIPS, series, "went_backwards"))

    def new_timeline(self, series: str) -> None:
        """See `allocation.Observer`."""
        self._counters.increment((exposition.SKIPS, series, "new_timeline"))

    def handed_back(self, series: str, serials: int) -> None:
        """See `allocation.Observer`."""
        self._counters.increment((exposition.HANDED_BACK, series), serials)
        self._update_gauges()

    def round_done(self) -> None:
        """See `allocation.Observer`."""
        self._update_gauges()

    def _update_gauges(self) -> None:
        """Set the gauges, which other workers' scrapes read, and add to the history."""
        if self._state is None:
            return
        state = self._state()
        self._history.add(state)
        self._counters.set((GAUGE, exposition.DATABASE), [_UP[state.database]])
        for each in state.series:
            self._counters.set((exposition.ISSUED, each.series), [each.issued])
            remaining = math.nan if each.remaining is None else float(each.remaining)
            row = [each.held, each.rate, remaining, float(each.successor is not None)]
            if each.is_closed:
                # It holds nothing and gives nothing, which is no cause for an alert.
                row = [math.nan] * len(row)
            self._counters.set((GAUGE, exposition.SERIES, each.series), row)

    def collect(self) -> Iterator[Metric]:
        """Every metric as it is now. See `prometheus_client.registry.Collector`."""
        self._update_gauges()
        return exposition.metric_families(self._counters.totals())

    def render(self, accept: str | None = None) -> tuple[bytes, str]:
        """The metrics in the text format that an `Accept` header asks for, and its media type."""
        encode, content_type = choose_encoder(accept or "")
        return encode(self), content_type
