"""The application, with a wall clock that is as many seconds ahead as the file TEST_CLOCK says."""

import os
import time
from pathlib import Path

_file = Path(os.environ["TEST_CLOCK"])
_true_time = time.time


def _jumping() -> float:
    return _true_time() + float(_file.read_text() or 0)


time.time = _jumping

from wsgi import app  # noqa: E402 - whoever takes the function by name is to get this one

__all__ = ["app"]
