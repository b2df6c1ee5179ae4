"""A program that calls the service from threads, and forks amid its calls of a buffer.

    python -m tests.support.forking_caller http://127.0.0.1:8000 FOLDER CHILDREN

Each of its processes writes the numbers that it got into a file in FOLDER, one a line.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType

from tests.support.client import PARAMETERS
from tracking_service.client import Client, NumberBuffer, Shipment

SHIPMENT = Shipment(**PARAMETERS)
# Seconds from one attempt to fork to the next.
PAUSE = 0.002
OF_A_CHILD = 30
# Large, so that the forks find it handing out numbers, and not waiting for more.
SIZE = 20_000
THREADS = 3


class Forks:
    """Forks children one after the other, each by a signal's handler amid `NumberBuffer.next`."""

    def __init__(self, count: int) -> None:
        self.children: list[int] = []
        self.in_child = False
        self._left = count
        signal.signal(signal.SIGALRM, self._fork)
        signal.setitimer(signal.ITIMER_REAL, PAUSE)

    @property
    def done(self) -> bool:
        return self.in_child or not self._left

    def _fork(self, number: int, frame: FrameType | None) -> None:
        # Amid the call, but not where it waits for more: there a fork is of no interest.
        if frame is not None and frame.f_code is NumberBuffer.next.__code__:
            self._left -= 1
            child = os.fork()
            if not child:
                self.in_child = True
                return
            self.children.append(child)
        if self._left:
            # Set anew by the parent, when it has forked: a signal that came amid a fork would have
            # a child fork, and its children.
            signal.setitimer(signal.ITIMER_REAL, PAUSE)


def main(url: str, folder: Path, count: int) -> None:
    client = Client(url)
    buffer = client.buffered(SHIPMENT, SIZE)
    stopped = threading.Event()
    found: list[list[str]] = [[] for _ in range(THREADS)]

    def drain(mine: list[str]) -> None:
        while not stopped.wait(0.001):
            mine += [buffer.next(), client.next(SHIPMENT).tracking_number]

    threads = [threading.Thread(target=drain, args=(mine,), daemon=True) for mine in found]
    for thread in threads:
        thread.start()
    numbers = [client.next(SHIPMENT).tracking_number, buffer.next()]
    forks = Forks(count)
    while not forks.done:
        number = buffer.next()
        numbers.append(number)
    if forks.in_child:
        # The caller's memory is a copy. Its own is what `next` has returned here.
        numbers = [number, *(buffer.next() for _ in range(OF_A_CHILD))]
        numbers.append(client.next(SHIPMENT).tracking_number)
    else:
        stopped.set()
        for thread in threads:
            thread.join()
        for child in forks.children:
            os.waitpid(child, 0)
        numbers += [number for mine in found for number in mine]
    (folder / str(os.getpid())).write_text("\n".join(numbers))


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    except BaseException:  # noqa: BLE001 - printed; and a forked process ends here whatever happens
        traceback.print_exc()
        os._exit(1)
    # Not as usual: a child has nothing to do with what its parent would tidy up.
    os._exit(0)
