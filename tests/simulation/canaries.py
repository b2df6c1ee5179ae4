"""Each protection taken out in turn: the simulation has to find that it is missing.

The product has no switch for any of it: here a part is exchanged for one that does less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from tests.simulation.disks import MemoryDisk
from tests.simulation.fibers import current
from tests.simulation.recording import RecordingMarks, RecordingStore
from tests.simulation.variants import Variant
from tracking_service.allocation import (
    Block,
    BlockStore,
    HighWaterMark,
    HighWaterMarks,
    Lease,
    RecordedLease,
)
from tracking_service.allocation.high_water_marks import Reading
from tracking_service.errors import BatchKeyReusedError, StoreError
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import SeriesSource
from tracking_service.records import RecordedBatch
from tracking_service.store import leasing
from tracking_service.store.batches import BatchStore
from tracking_service.store.database import Use
from tracking_service.store.models import BlockRow, SeriesRow


class ForgetfulMarks(RecordingMarks):
    """No high-water mark: nothing is read, and nothing compared."""

    def read(self, series: str) -> Reading:
        super().read(series)
        return Reading(HighWaterMark(), self.path(series), {})

    def record(
        self, series: str, lease: Lease, *, instance: str, since: Reading
    ) -> list[RecordedLease] | None:
        super().record(series, lease, instance=instance, since=since)
        return []


class UnwatchfulMarks(RecordingMarks):
    """What neighbours have recorded meanwhile is not looked at."""

    def record(
        self, series: str, lease: Lease, *, instance: str, since: Reading
    ) -> list[RecordedLease] | None:
        super().record(series, lease, instance=instance, since=since)
        return []


class TrustingMarks(RecordingMarks):
    """It is not looked at who leased a tail last."""

    def read(self, series: str) -> Reading:
        return replace(super().read(series), leases=())


class UnsyncedDisk(MemoryDisk):
    """A renamed file is not made to last: a power cut may bring the old one back."""

    def sync_folder(self, folder: Path) -> None:
        pass


class UnlockedDisk(MemoryDisk):
    """Two neighbours may write the file of marks at once."""

    @contextmanager
    def lock(self, path: Path, *, seconds: float) -> Iterator[None]:
        yield


class BelievingStore(RecordingStore):
    """A lease whose commit failed, or has an unknown outcome, is believed."""

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        made: Lease | None = None
        try:
            with self.client.database.transaction(Use.LEASE, write=True) as connection:
                made = leasing.lease(
                    connection,
                    series,
                    blocks,
                    fingerprint=fingerprint,
                    instance=self.instance,
                    randbelow=self.client.world.variant.randbelow(self.client.world),
                )
        except StoreError:
            if made is None:
                raise
            fiber = current()
            if fiber is not None:
                fiber.commit = (self.client.server, self.client.server.commits)
        if made is None:
            return super().lease(series, blocks, fingerprint=fingerprint)
        self._held.add((made.block_id, made.block))
        self.tell(series, made)
        return made


class UnlockedStore(RecordingStore):
    """A tail is looked up in one transaction, and taken in another."""

    def lease(self, series: str, blocks: int, *, fingerprint: str | None = None) -> Lease:
        database = self.client.database
        with database.transaction(Use.LEASE) as connection:
            tail = connection.execute(
                select(BlockRow.id, BlockRow.start, BlockRow.end, BlockRow.instance)
                .join(SeriesRow, BlockRow.series_id == SeriesRow.id)
                .where(SeriesRow.name == series, BlockRow.state == "returned")
                .limit(1)
            ).one_or_none()
        if tail is None:
            return super().lease(series, blocks, fingerprint=fingerprint)
        with database.transaction(Use.LEASE, write=True) as connection:
            connection.execute(
                text("UPDATE block SET state = 'leased', instance = :instance WHERE id = :id"),
                {"instance": self.instance, "id": tail.id},
            )
            number = connection.execute(
                text(
                    "UPDATE series SET lease_count = lease_count + 1,"
                    " returned_blocks = max(0, returned_blocks - 1)"
                    " WHERE name = :name RETURNING lease_count"
                ),
                {"name": series},
            ).scalar_one()
        lease = Lease(Block(tail.start, tail.end), number, tail.instance, 10**12, tail.id)
        self._held.add((lease.block_id, lease.block))
        self.tell(series, lease)
        return lease


class HastyInstance(Instance):
    """What is unspent goes back before the allocators are closed."""

    store: BlockStore

    def __init__(
        self,
        store_for: Callable[[str], BlockStore],
        series_source: SeriesSource,
        marks: HighWaterMarks,
        **options: Any,
    ) -> None:
        def keep(name: str) -> BlockStore:
            self.store = store_for(name)
            return self.store

        super().__init__(keep, series_source, marks, **options)

    def close(self, seconds: float = 5.0) -> int | None:
        store = self.store
        for name, opened in tuple(self.registry.open.items()):
            with suppress(StoreError):
                store.hand_back(name, opened.allocator.unspent)
        return super().close(seconds)


class ForkedInstance(Instance):
    """The child of a fork keeps what its parent had in memory."""

    def reset_after_fork(self) -> None:
        inherited = dict(self.registry.open)
        super().reset_after_fork()
        self.registry.open.update(inherited)


class OverwritingBatches(BatchStore):
    """Of two that record one key at once, each believes in its own numbers."""

    def record(
        self, key: str, fingerprint: str, batch: RecordedBatch, *, keep_seconds: float
    ) -> RecordedBatch:
        with suppress(BatchKeyReusedError):
            super().record(key, fingerprint, batch, keep_seconds=keep_seconds)
        return batch


CANARIES: dict[str, tuple[str, Variant]] = {
    "timeline": (
        "the timeline is not looked at",
        Variant(looks_at_timelines=False),
    ),
    "mark": ("no high-water mark", Variant(marks=ForgetfulMarks)),
    "neighbours": ("neighbours' leases are not looked at", Variant(marks=UnwatchfulMarks)),
    "fsync": ("the mark's rename is not synced", Variant(disk=UnsyncedDisk)),
    "marks-lock": ("the file of marks is written without its lock", Variant(disk=UnlockedDisk)),
    "unknown-commit": (
        "a lease whose commit is in doubt is believed",
        Variant(store=BelievingStore),
    ),
    "lease-lock": (
        "a tail is found in one transaction and taken in another",
        Variant(store=UnlockedStore),
    ),
    "hand-back": (
        "serials go back before the allocator is closed",
        Variant(instance=HastyInstance),
    ),
    "fork": ("the child of a fork keeps its parent's blocks", Variant(instance=ForkedInstance)),
    "first-key": (
        "the second to record a key keeps its own numbers",
        Variant(batches=OverwritingBatches),
    ),
    "host-clock": (
        "a key expires by a host's clock",
        Variant(goes_by_its_own_clock=True),
    ),
    "random-half": (
        "no part of a skip is random",
        Variant(randbelow=lambda _: lambda _limit: 0),
    ),
}

RARE: dict[str, tuple[str, Variant]] = {
    "last-holder": (
        "it is not looked at who leased a tail last",
        Variant(marks=TrustingMarks),
    ),
}
"""Protections that one of some ten thousand histories needs: the command does not look for these."""
