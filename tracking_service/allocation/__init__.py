"""Leases blocks of serials and hands them out; pure Python, without a web or database library."""

from tracking_service.allocation.allocator import Allocator, Holding
from tracking_service.allocation.block import Block
from tracking_service.allocation.guarded_leases import WitnessedLeases
from tracking_service.allocation.high_water_marks import Witness
from tracking_service.allocation.lease import BlockStore, Lease, Mark
from tracking_service.allocation.observer import NullObserver, Observer
from tracking_service.allocation.reserve import ReservePlan, largest_lease

__all__ = [
    "Allocator",
    "Block",
    "BlockStore",
    "Holding",
    "Lease",
    "Mark",
    "NullObserver",
    "Observer",
    "ReservePlan",
    "Witness",
    "WitnessedLeases",
    "largest_lease",
]
