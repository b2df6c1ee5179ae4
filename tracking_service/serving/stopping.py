"""SIGTERM and SIGINT, for the loop that serves."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignal:
    """`received`: whether SIGTERM or SIGINT has come. A second one ends the process at once."""

    received = False

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.received:
            os._exit(128 + number)
        self.received = True


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Handle the signals in the block, if this is the main thread."""
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {
        number: signal.signal(number, stop.on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in handlers.items():
            # None: it was not set from Python, which cannot restore it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def woken_by_signals(descriptor: int) -> Iterator[None]:
    """Write a byte to `descriptor` at each signal, if this is the main thread.

    The interpreter writes in the C signal handler, so that a signal just before the loop sleeps
    wakes it too. A Python handler would run only afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    os.set_blocking(descriptor, False)
    before = signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
