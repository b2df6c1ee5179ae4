"""The store and the marks of one process, which tell the oracle what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.fibers import current
from tracking_service.allocation import HighWaterMarks, Lease, RecordedLease
from tracking_service.allocation.high_water_marks import Reading
from tracking_service.store.blocks import BlockStore

if TYPE_CHECKING:
    from tests.simulation.processes import Client


class RecordingStore(BlockStore):
    """The real store; what it leases the oracle learns."""

    def __init__(self, client: Client, instance: str) -> None:
        super().__init__(
            client.database,
            instance=instance,
            randbelow=client.world.variant.randbelow(client.world),
        )
        self.client = client

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        lease = super().lease(series, blocks, fingerprint=fingerprint)
        self.tell(series, lease)
        return lease

    def tell(self, series: str, lease: Lease) -> None:
        fiber = current()
        assert fiber is not None
        assert fiber.commit is not None
        self.client.world.oracle.leased(self.client, series, lease, fiber.commit)


class RecordingMarks(HighWaterMarks):
    """The real high-water marks; what they have recorded the oracle learns."""

    client: Client

    def read(self, series: str) -> Reading:
        name = series.rpartition("/")[2]
        before = set(self.client.host.known.get(name, ()))
        reading = super().read(series)
        # What neighbours record amid that it may miss, and what stood in a folder that is lost.
        self.client.read[name] = before & self.client.host.known.get(name, set())
        return reading

    def record(
        self, series: str, lease: Lease, *, instance: str, since: Reading
    ) -> list[RecordedLease] | None:
        disk = self.client.host.disk
        exchanges = disk.exchanges
        found = super().record(series, lease, instance=instance, since=since)
        if disk.exchanges == exchanges:
            self.client.world.oracle.recorded(self.client, series.rpartition("/")[2])
        return found
