"""The application, with a wall clock that is as many seconds ahead as the file TEST_CLOCK says."""

import os
from pathlib import Path

from tracking_service import clock

_file = Path(os.environ["TEST_CLOCK"])
_true_time = clock.wall_time


def _jumping() -> float:
    return _true_time() + float(_file.read_text() or 0)


clock.wall_time = _jumping

from wsgi import app  # noqa: E402 - whoever takes the function by name is to get this one

__all__ = ["app"]
