"""SIGTERM and SIGINT, noticed by the loop that serves."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waitress import wasyncore


class StopSignal(wasyncore.dispatcher):
    """`received` is whether SIGTERM or SIGINT has come. Its socket wakes the loop when one does.

    The interpreter writes to that socket from within the signal handler proper, so that a signal
    just before the loop goes to sleep wakes it too: a Python handler would run only afterwards.
    """

    received = False

    def __init__(self, channels: dict[int, Any]) -> None:
        reader, self.writer = socket.socketpair()
        self.writer.setblocking(False)
        super().__init__(reader, channels)

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.recv(4096)

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = True

    def close(self) -> None:
        super().close()
        self.writer.close()


@contextmanager
def stop_signal(channels: dict[int, Any]) -> Iterator[StopSignal]:
    """Handle the signals, if this is the main thread, and put the former handlers back."""
    stop = StopSignal(channels)
    try:
        if threading.current_thread() is not threading.main_thread():
            yield stop
            return
        wakeup = signal.set_wakeup_fd(stop.writer.fileno(), warn_on_full_buffer=False)
        handlers = {
            number: signal.signal(number, stop.on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield stop
        finally:
            for number, handler in handlers.items():
                # None: not set from Python, so that Python cannot set it again.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            signal.set_wakeup_fd(wakeup)
    finally:
        stop.close()
