"""A process whose children hand blocks back and are killed, one at each step.

    python -m tests.support.hand_back_worker URL

Child 0 leases three blocks of ten from the series `step-0`, spends fourteen serials, begins to
hand the rest back, and is killed with SIGKILL before the first statement; child 1 before the
second; and so on, past the commit, until one gets through. Prints how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from tests.support.stores import Stores
from tracking_service.allocation import Block

SPENT = 14
LEASED = 30
SERIALS = 50


def name(step: int) -> str:
    """The series that is handed back to at a step."""
    return f"step-{step}"


def hand_back(url: str, step: int, stopped: int) -> None:
    """Lease and hand back; stop for good before the step of this number, and say so."""
    with Stores(url) as stores:
        store = stores.store(f"host:{os.getpid()}:{step}")
        for _ in range(LEASED // 10):
            store.lease(name(step), 1)
        steps = 0

        def stop(*_: Any) -> None:
            nonlocal steps
            if steps == step:
                os.write(stopped, b".")
                signal.pause()
            steps += 1

        event.listen(stores.leases, "before_cursor_execute", stop)
        event.listen(stores.leases, "commit", stop)
        store.hand_back(name(step), [Block(SPENT, 20), Block(20, LEASED)])
        # After the commit, before anyone is told.
        stop()


def run(url: str) -> int:
    """Fork and kill until a child gets through; return how many did not."""
    step = 0
    while True:
        with Stores(url) as stores:
            stores.create(name(step), serials=SERIALS, number_space=name(step))
        reader, stopped = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                hand_back(url, step, stopped)
            finally:
                os._exit(0)
        os.close(stopped)
        # Nothing to read is the child's end without a stop.
        was_stopped = bool(os.read(reader, 1))
        os.close(reader)
        if was_stopped:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if not was_stopped:
            return step
        step += 1


if __name__ == "__main__":
    sys.stdout.write(f"{run(sys.argv[1])}\n")
