"""Broken on purpose: serials are given out that no lease has taken."""

from collections.abc import Iterable

from tracking_service.allocation import Allocator, Block

FAR = 5_000_000
_add = Allocator.add


def _add_others(self: Allocator, blocks: Iterable[Block], *, low_water: int) -> None:
    others = [Block(block.start + FAR, block.end + FAR) for block in blocks]
    _add(self, others, low_water=low_water)


Allocator.add = _add_others  # type: ignore[method-assign]

from wsgi import app  # noqa: E402

__all__ = ["app"]
