"""How much an instance should hold: the reserve, measured in time.

A block costs two integers of memory, and lost serials are not missed. So the reserve is as large as
the instance needs to go on without the database. Only in a scarce series it is small, because there
a block lost in a crash is a part of a small space.
"""

from dataclasses import dataclass

LARGEST_LEASE = 10_000
"""Greatest number of blocks in a lease, so that no wrong estimate uses up a series."""

SCARCE_BLOCKS = 100_000
"""A series with fewer blocks than this left holds one block at a time."""

LEASE_PART = 1000
"""A lease takes no more than this part of what a series has left, or one block."""

SURPLUS = 1.25
"""A refill goes up to this multiple of the target, so that refills are rare."""


@dataclass(frozen=True, slots=True)
class ReservePlan:
    """When to refill, and by how much, for one series in one instance."""

    reserve_seconds: float

    def low_water(self, rate: float, block_size: int, *, scarce: bool) -> int:
        """The number of unspent serials at or below which to lease more.

        Never below half a block, so that the next block is there before the present one ends.
        """
        half = block_size // 2
        return half if scarce else max(half, round(rate * self.reserve_seconds))

    def blocks_wanted(
        self, rate: float, block_size: int, *, held: int, last: int, scarce: bool
    ) -> int:
        """How many blocks to lease now; 0 if `held` serials are enough.

        `held` is what remains after the waiting requests are served; it may be negative.

        If the last lease is spent already, `last` is its number of blocks, else 0: after a burst
        that was faster than the estimate, twice as many are leased.
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

    A failover can forget that much with one commit; it skips far more.
    """
    return max(1, remaining // LEASE_PART // block_size)
