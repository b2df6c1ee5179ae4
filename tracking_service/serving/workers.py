"""The threads that answer requests."""

import logging
import threading
import time
from queue import SimpleQueue

from waitress.channel import HTTPChannel

log = logging.getLogger(__name__)


class Workers:
    """Threads that answer requests, in the order in which these came.

    In place of waitress's own dispatcher, which writes a warning for every request that has to
    wait for a thread, and whose shutdown goes by wall time.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[HTTPChannel | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add_task(self, channel: HTTPChannel) -> None:
        """Have the channel's first request answered. The name is waitress's."""
        self._queue.put(channel)

    def stop(self, deadline: float) -> bool:
        """Finish what is queued and end the threads; False if one still runs at `deadline`."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (channel := self._queue.get()) is not None:
            try:
                channel.service()
            except BaseException:
                # Waitress answers an Exception itself. The rest, SystemExit for one, would end
                # this thread for good and leave its client waiting.
                log.exception("a request was given up")
                channel.cancel()
                channel.server.pull_trigger()
