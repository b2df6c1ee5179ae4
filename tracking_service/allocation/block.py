"""A block: a contiguous range of serials that one instance holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """The serials [start, end): `start` is the first, `end` the first that is not in it."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"not a block: [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def __contains__(self, serial: int) -> bool:
        return self.start <= serial < self.end
