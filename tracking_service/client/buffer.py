"""Numbers from memory: fetched a batch at a time in the background, before the last runs out.

What is lost with a process, or dropped in doubt, is a gap in the series; nothing is handed out
twice. Both rest on one deque of numbers: a number leaves it by `popleft`, which no two threads can
do at once, and counts only if the deque is still the buffer's. A fork and `close` put another deque
in its place, so that what was taken from the old one amid either is not used.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Self

from tracking_service.client import forks
from tracking_service.client.answers import Batch
from tracking_service.client.buffer_report import BufferReport, empty_error
from tracking_service.client.errors import (
    BufferEmpty,
    Closed,
    InvalidSetting,
    Unavailable,
)
from tracking_service.client.fetcher import Fetcher
from tracking_service.client.requests import COUNT_MOST
from tracking_service.client.spool import Spool

log = logging.getLogger(__name__)

STEP_SECONDS = 1.0
"""The longest that a waiting thread goes without a look at whether this is still its process."""
SPOOL_PARTS = 10
"""From a spool a tenth of a batch is taken to memory at a time: what a crash loses at the most."""


class NumberBuffer:
    """Hands out tracking numbers from memory, to any number of threads. `Client.buffered` makes it.

    A forked child has none of its parent's numbers, and fetches its own; the spool stays with the
    parent.
    """

    def __init__(
        self,
        issue: Callable[[str | None], Batch],
        *,
        size: int,
        wait: float,
        spool: str | PathLike[str] | None,
        lane: Sequence[str],
        services: Sequence[str],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """`issue` gets `size` numbers under an idempotency key, or without one.

        Raises InvalidSetting for a size or a wait that is out of range, and SpoolError.
        """
        if not 1 <= size <= COUNT_MOST:
            raise InvalidSetting(f"size must be from 1 to {COUNT_MOST:,}")
        if not wait >= 0:
            raise InvalidSetting("wait must be 0 or above, in seconds")
        self._issue = issue
        self._half = (size + 1) // 2
        self._part = -(-size // SPOOL_PARTS)
        self._default_wait = wait
        self._clock = clock
        self._random = random
        self._spool = None if spool is None else Spool.open(spool, lane, services)
        self._fetched = 0 if self._spool is None else len(self._spool)
        self._report: BufferReport | None = None
        self._amid_spool = False
        self._start_empty()
        forks.reset_in_children(self)

    def _start_empty(self) -> None:
        self._numbers: deque[str] = deque()
        self._changed: threading.Condition = threading.Condition()
        self._fetcher: Fetcher = Fetcher(
            self._issue, self._deliver, self._changed, clock=self._clock, random=self._random
        )
        # With fewer in memory the next batch is fetched; with a spool, what that holds decides.
        self._low: int = self._half if self._spool is None else 0

    def next(self, wait: float | None = None) -> str:
        """Return a number that nobody else gets. While the buffer has one, it asks nobody.

        If there is none it waits up to `wait` seconds. Raises BufferEmpty if none came, or the
        service refuses the request; its `__cause__` is what the last fetch failed with, None
        where none has failed since one succeeded. Raises Closed.
        """
        until: float | None = None
        while True:
            numbers = self._numbers
            try:
                number = numbers.popleft()
            except IndexError:
                if until is None:
                    until = self._clock() + (self._default_wait if wait is None else wait)
                self._refill(until)
                continue
            if len(numbers) < self._low and not self._fetcher.asked:
                self._fetcher.ask()
            # Last, with no call between this and the return: a signal's handler, which may fork,
            # runs at calls.
            if numbers is self._numbers:
                return number

    @property
    def held(self) -> int:
        """How many numbers it has now, in memory and in the spool."""
        with self._changed:
            return len(self._numbers) + (0 if self._spool is None else len(self._spool))

    def close(self) -> BufferReport:
        """Hand out no more, and report. Waits for nobody: a batch on its way is not used.

        With a spool the unused numbers are put back into it. Called again it reports the same.
        """
        with self._changed:
            if self._report is None:
                old, self._numbers = self._numbers, deque()
                left: list[str] = []
                with suppress(IndexError):
                    while True:
                        left.append(old.popleft())
                self._report = self._put_away(left)
                self._fetcher.stop()
                self._changed.notify_all()
            return self._report

    def reset_after_fork(self) -> None:
        """Leave the numbers and the spool to the parent. Called in every forked child."""
        if self._spool is not None:
            self._spool.leave()
            self._spool = None
        self._fetched = 0
        self._amid_spool = False
        self._start_empty()

    def _refill(self, until: float) -> None:
        """Return when there may be a number in memory. `until` is by the clock."""
        fetcher, changed = self._fetcher, self._changed
        with changed:
            failures = fetcher.failures
            while not self._numbers and fetcher is self._fetcher:
                if self._report is not None:
                    raise Closed("the buffer is closed")
                if self._take_from_spool():
                    return
                now, error = self._clock(), fetcher.error
                if isinstance(error, Closed):
                    raise Closed("the client of the buffer is closed") from error
                # A refusal that came while this thread waited: more waiting would not mend it.
                refused = fetcher.failures > failures and not isinstance(error, Unavailable)
                if not refused:
                    fetcher.ask()
                resting = error is not None and fetcher.resumes_at >= until
                # `not … <`, so that a wait of NaN ends at once.
                if refused or resting or not now < until:
                    raise empty_error(error, fetcher.resumes_at - now) from error
                # In steps: in a child that a signal's handler forked here nobody would wake it.
                changed.wait(min(until - now, STEP_SECONDS))

    def _take_from_spool(self) -> bool:
        """Move a part of the spool to memory; return False if it has nothing."""
        spool, numbers, fetcher = self._spool, self._numbers, self._fetcher
        if spool is None:
            return False
        if self._amid_spool:
            # The same thread: a signal's handler has interrupted it. To take amid `take` would give
            # the same numbers twice.
            raise BufferEmpty("no number is in memory, and the spool is being written")
        self._amid_spool = True
        try:
            taken = spool.take(self._part)
        except (OSError, ValueError) as error:
            # A child that was forked amid `take` has closed its copy of the spool: that is no fault.
            if spool is self._spool:
                self._go_on_without_spool(error)
            return False
        finally:
            self._amid_spool = False
            if self._report is not None:
                # A handler has closed the buffer, and left this to do.
                spool.close()
        if len(spool) < self._half:
            fetcher.ask()
        # The deque of before `take`. A child that was forked meanwhile has another one, which the
        # parent's numbers do not reach.
        numbers.extend(taken)
        return bool(taken)

    def _deliver(self, numbers: Sequence[str]) -> None:
        """Take a batch from the fetcher."""
        if self._spool is not None:
            try:
                self._spool.add(numbers)
            except OSError as error:
                # They may be in the file, for another process: this one must not use them.
                self._go_on_without_spool(error)
                return
        else:
            self._numbers.extend(numbers)
        self._fetched += len(numbers)

    def _go_on_without_spool(self, error: Exception) -> None:
        """Leave the spool, with the numbers that are in it: those are not this process's now."""
        log.error("the spool failed: going on without it", exc_info=error)
        if self._spool is not None:
            self._fetched -= len(self._spool)
            self._spool.close()
            self._spool = None
        self._low = self._half

    def _put_away(self, left: Sequence[str]) -> BufferReport:
        spool = self._spool
        if spool is not None and self._amid_spool:
            # A signal's handler closes amid `take`. What is being taken, and was left in memory, is
            # a gap.
            return BufferReport(self._fetched, (*left, *spool.remaining()), kept=True)
        if spool is not None:
            try:
                spool.give_back(left)
            except (OSError, ValueError) as error:
                self._go_on_without_spool(error)
            else:
                unused = spool.remaining()
                spool.close()
                self._spool = None
                return BufferReport(self._fetched, unused, kept=True)
        return BufferReport(self._fetched, tuple(left), kept=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
