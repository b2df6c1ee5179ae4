"""A program that takes numbers from one buffer: eight threads, and two processes that it forks amid.

    python -m tests.faults.apps.buffered_callers FOLDER NUMBERS RATE SIZE URL [URL …]

takes NUMBERS in all, RATE a second, and has each process write what it saw into a file in FOLDER.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from tests.support.client import PARAMETERS
from tracking_service.client import Client, ClientError, NumberBuffer, Shipment

THREADS = 8
CHILDREN = 2
CALLERS = THREADS + CHILDREN
# Seconds that one call waits at the most: longer than the database is away.
WAIT = 120.0
# Numbers that a caller takes before it looks at its timetable.
AT_ONCE = 10


class Caller:
    """Takes numbers by a timetable, and notes each, its errors and the slowest call in seconds."""

    def __init__(self, buffer: NumberBuffer) -> None:
        self.numbers: list[str] = []
        self.errors: list[str] = []
        self.slowest = 0.0
        self._buffer = buffer

    def take(self, count: int, rate: float) -> None:
        began = time.monotonic()
        while len(self.numbers) + len(self.errors) < count:
            for _ in range(min(AT_ONCE, count - len(self.numbers) - len(self.errors))):
                self._one()
            due = began + (len(self.numbers) + len(self.errors)) / rate
            time.sleep(max(0.0, due - time.monotonic()))

    def _one(self) -> None:
        asked = time.monotonic()
        try:
            self.numbers.append(self._buffer.next())
        except ClientError as error:
            self.errors.append(repr(error))
        self.slowest = max(self.slowest, time.monotonic() - asked)


def tell(folder: Path, callers: list[Caller]) -> None:
    seen = {
        "numbers": [number for caller in callers for number in caller.numbers],
        "errors": [error for caller in callers for error in caller.errors],
        "slowest": max(caller.slowest for caller in callers),
    }
    (folder / f"{os.getpid()}.json").write_text(json.dumps(seen))


def main(folder: Path, numbers: int, rate: float, size: int, urls: list[str]) -> None:
    share, pace = numbers // CALLERS, rate / CALLERS
    buffer = Client(urls).buffered(Shipment(**PARAMETERS), size, wait=WAIT)
    callers = [Caller(buffer) for _ in range(THREADS)]
    threads = [threading.Thread(target=caller.take, args=(share, pace)) for caller in callers]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(CHILDREN):
        # Amid the threads' calls, with numbers in memory that are the parent's.
        while not buffer.held:
            time.sleep(0.01)
        child = os.fork()
        if not child:
            mine = Caller(buffer)
            mine.take(share, pace)
            tell(folder, [mine])
            return
        children.append(child)
    for thread in threads:
        thread.join()
    tell(folder, callers)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    try:
        folder, numbers, rate, size, *urls = sys.argv[1:]
        main(Path(folder), int(numbers), float(rate), int(size), urls)
    except BaseException:  # noqa: BLE001 - printed; and a forked process ends here whatever happens
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
