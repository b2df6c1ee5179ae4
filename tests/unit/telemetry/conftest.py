"""Metrics that have seen something of everything."""

import pytest

from tracking_service.errors import StoreUnavailableError
from tracking_service.telemetry.counters import Counters
from tracking_service.telemetry.exposition import REQUESTS
from tracking_service.telemetry.metrics import Metrics
from tracking_service.telemetry.state import InstanceState, SeriesState


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def busy(counters: Counters) -> Metrics:
    metrics = Metrics(counters)
    metrics.watch(
        lambda: InstanceState("up", (SeriesState("default", 70, 29_930, 10.0, 5_000_000),))
    )
    counters.observe((REQUESTS, "/api/next-tracking-number", "200"), 0.00003)
    counters.observe((REQUESTS, "/api/next-tracking-number", "200"), 0.003)
    counters.observe((REQUESTS, "/readyz", "503"), 20.0)
    metrics.leased("default", 30_000, 0.004)
    metrics.lease_failed(StoreUnavailableError(), 5.0)
    metrics.went_backwards("default")
    metrics.new_timeline("default")
    metrics.handed_back("default", 97)
    return metrics
