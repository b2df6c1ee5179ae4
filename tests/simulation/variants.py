"""What the simulated service is made of: the real classes, or for a canary one with a part taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.disks import MemoryDisk
from tests.simulation.fibers import Fibers
from tests.simulation.recording import RecordingMarks, RecordingStore
from tracking_service.instance.instance import Instance
from tracking_service.store.batches import BatchStore

if TYPE_CHECKING:
    from tests.simulation.world import World


def drawn(world: World) -> Callable[[int], int]:
    return world.randbelow


@dataclass(frozen=True)
class Variant:
    """The parts of the service that a canary may exchange; by default each is as it is."""

    disk: Callable[[Fibers], MemoryDisk] = MemoryDisk
    store: type[RecordingStore] = RecordingStore
    marks: type[RecordingMarks] = RecordingMarks
    instance: type[Instance] = Instance
    batches: type[BatchStore] = BatchStore
    randbelow: Callable[[World], Callable[[int], int]] = drawn
    looks_at_timelines: bool = True
    goes_by_its_own_clock: bool = False
    """Whether expiry goes by the clock of the instance's host, not by the database's."""


AS_IT_IS = Variant()
