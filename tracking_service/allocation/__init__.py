"""Leases blocks of serials and hands them out; pure Python, without a web or database library."""

from tracking_service.allocation.allocator import Allocator
from tracking_service.allocation.block import Block
from tracking_service.allocation.disk import Disk
from tracking_service.allocation.guarded_leases import GuardedLeases
from tracking_service.allocation.high_water_marks import HighWaterMarks
from tracking_service.allocation.lease import BlockStore, HighWaterMark, Lease, RecordedLease
from tracking_service.allocation.observer import NullObserver, Observer
from tracking_service.allocation.reserve import ReservePlan, largest_lease

__all__ = [
    "Allocator",
    "Block",
    "BlockStore",
    "Disk",
    "GuardedLeases",
    "HighWaterMark",
    "HighWaterMarks",
    "Lease",
    "NullObserver",
    "Observer",
    "RecordedLease",
    "ReservePlan",
    "largest_lease",
]
