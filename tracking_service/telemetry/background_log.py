"""A log handler that writes in a thread of its own, and drops lines if the reader stalls.

Otherwise a pipe, a terminal or a disk that takes no more would block the request that logs, or the
end of the process. logging.handlers.QueueHandler is not enough: it fails if the queue is full, it
has no thread after a fork, and its listener's stop() waits without a bound.
"""

import logging
import os
import select
import threading
from collections import deque
from typing import Final

LINES_MOST: Final = 10_000
"""Lines kept for a slow reader; further ones are dropped and counted."""

FLUSH_SECONDS: Final = 2.0
"""How long the end of the process waits for unwritten lines."""

_WRITE_BYTES: Final = 65_536


class BackgroundHandler(logging.Handler):
    """Writes to a file descriptor, not to `sys.stderr`, whose lock the thread would hold."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        # In the child of a fork there is no thread, and another thread may have held the lock. The
        # parent writes its lines itself.
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._writing = False
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record's line; drop it if LINES_MOST lines are queued."""
        try:
            # Here, because only this thread knows the request's id.
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as logging has it: a bad record is no error of its caller
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= LINES_MOST:
                self._dropped += 1
                return
            self._lines.append(f"{line}\n".encode(errors="backslashreplace"))
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # At its end the interpreter starts no thread.
            self._thread = None
            if select.select([], [self._descriptor], [], FLUSH_SECONDS)[1]:
                os.write(self._descriptor, self._take())

    def flush(self) -> None:
        """Wait until all is written, at most FLUSH_SECONDS. Called at the end of the process."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._lines or self._writing), FLUSH_SECONDS)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                self._writing = True
                text = self._take()
            while text:
                try:
                    text = text[os.write(self._descriptor, text) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [])
                except OSError:
                    # Closed, or the disk is full: there is nowhere to report it.
                    break

    def _take(self) -> bytes:
        """Remove and return the next lines to write. Called with the lock held."""
        parts: list[bytes] = []
        size = 0
        while self._lines and size < _WRITE_BYTES:
            parts.append(self._lines.popleft())
            size += len(parts[-1])
        if self._dropped:
            record = logging.LogRecord(
                __name__, logging.WARNING, __file__, 0, "log lines were dropped", None, None
            )
            record.lines = self._dropped
            parts.append(f"{self.format(record)}\n".encode())
            self._dropped = 0
        return b"".join(parts)
