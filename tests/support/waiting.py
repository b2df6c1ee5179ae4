"""Waiting for a condition, never for a length of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, seconds: float, what: str, pause: float = 0.01) -> T:
    """Ask `condition` every `pause` seconds until it is true, and return its value.

    Raises TimeoutError, naming `what` was waited for, after `seconds`.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)
