"""Broken on purpose: every block is given out twice."""

from collections.abc import Iterable

from tracking_service.allocation import Allocator, Block

_add = Allocator.add


def _add_twice(self: Allocator, blocks: Iterable[Block], *, low_water: int) -> None:
    _add(self, [block for block in blocks for _ in range(2)], low_water=low_water)


Allocator.add = _add_twice  # type: ignore[method-assign]

from wsgi import app  # noqa: E402

__all__ = ["app"]
