"""A set of serials, stored as ranges."""

from bisect import bisect_right
from collections.abc import Iterator

from tracking_service.allocation.block import Block


class Ranges:
    """A set of serials. Blocks that touch become one; blocks never overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, block: Block) -> None:
        """Add [block.start, block.end), none of which is there yet."""
        at = bisect_right(self._starts, block.start)
        follows = at > 0 and self._ends[at - 1] == block.start
        precedes = at < len(self._starts) and self._starts[at] == block.end
        if follows and precedes:
            self._ends[at - 1] = self._ends.pop(at)
            del self._starts[at]
        elif follows:
            self._ends[at - 1] = block.end
        elif precedes:
            self._starts[at] = block.start
        else:
            self._starts.insert(at, block.start)
            self._ends.insert(at, block.end)

    def overlaps(self, block: Block) -> bool:
        """Whether any serial of [block.start, block.end) is there."""
        at = bisect_right(self._starts, block.start)
        return (at > 0 and block.start < self._ends[at - 1]) or (
            at < len(self._starts) and self._starts[at] < block.end
        )

    def __iter__(self) -> Iterator[Block]:
        """The ranges, in order."""
        return map(Block, self._starts, self._ends)

    def __contains__(self, serial: int) -> bool:
        at = bisect_right(self._starts, serial)
        return at > 0 and serial < self._ends[at - 1]
