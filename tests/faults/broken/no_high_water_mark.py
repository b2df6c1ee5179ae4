"""Broken on purpose: a database that goes backwards is not noticed."""

from tracking_service.allocation import HighWaterMark
from tracking_service.allocation.ranges import Ranges

HighWaterMark.is_ahead_of = lambda self, lease: False  # type: ignore[method-assign]
# Nor by what the instance was given before.
Ranges.overlaps = lambda self, block: False  # type: ignore[method-assign]

from wsgi import app  # noqa: E402

__all__ = ["app"]
