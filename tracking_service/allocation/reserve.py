"""How much an instance should hold: the reserve, measured in time.

A block costs two integers of memory and serials that nobody misses, so the reserve is sized by
how long the instance must go on without the database, not by thrift. Only a scarce series is
spared: there a block lost to a crash is a part of a small space.
"""

from dataclasses import dataclass

LARGEST_LEASE = 10_000
"""Blocks in one lease at the most, so that no estimate, however wrong, eats a series."""

SCARCE_BLOCKS = 100_000
"""A series with fewer blocks than this left holds one block at a time."""

LEASE_PART = 1000
"""A lease takes no more than this part of what a series has left, or one block."""

SURPLUS = 1.25
"""A refill goes to this multiple of the target, so that refills are seldom."""


@dataclass(frozen=True, slots=True)
class ReservePlan:
    """When to refill, and by how much, for one series in one instance."""

    reserve_seconds: float

    def low_water(self, rate: float, block_size: int, *, scarce: bool) -> int:
        """Serials in hand at or below which more are to be leased.

        Never below half a block, so that the next block is there before the present one ends.
        """
        half = block_size // 2
        return half if scarce else max(half, round(rate * self.reserve_seconds))

    def blocks_wanted(
        self, rate: float, block_size: int, *, held: int, last: int, scarce: bool
    ) -> int:
        """How many blocks to lease now; 0 where `held` serials are enough.

        `held` is what is left when those are served who wait already; it may be negative.

        `last` is how many blocks the lease before took in, where those are spent already, else
        0: a burst that outran the estimate doubles it.
        """
        low = self.low_water(rate, block_size, scarce=scarce)
        if held > low:
            return 0
        if scarce:
            return max(1, -((held - low) // block_size))
        missing = low * SURPLUS - held
        return min(LARGEST_LEASE, max(1, 2 * last, -int(-missing // block_size)))


def is_scarce(remaining: int, block_size: int) -> bool:
    """Whether so few serials are left in the series that each block counts."""
    return remaining < SCARCE_BLOCKS * block_size


def largest_lease(remaining: int, block_size: int) -> int:
    """How many blocks one lease may take: a thousandth of the `remaining` serials, or one block.

    So much a failover can forget with one commit, and it is less by far than what is skipped then.
    """
    return max(1, remaining // LEASE_PART // block_size)
