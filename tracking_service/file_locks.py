"""Locks between processes that share a folder, with a bound on the wait for them."""

import fcntl
import time
from typing import IO, Any

_PAUSE_SECONDS = 0.01


def lock(file: IO[Any], how: int, *, seconds: float) -> None:
    """Take `fcntl.LOCK_SH` or `LOCK_EX` on a file, until it is closed.

    Raises BlockingIOError after `seconds`: a frozen process may hold it.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
