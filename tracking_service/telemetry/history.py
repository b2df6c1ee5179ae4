"""What an instance held in the last hour, kept in memory for the page that draws it."""

import time
from collections import deque
from dataclasses import dataclass

from tracking_service.clock import MonotonicClock
from tracking_service.telemetry.state import InstanceState

EVERY_SECONDS = 10.0
"""Interval of the samples, at the least."""

SAMPLES = 360
"""Samples that are kept: an hour of them, some 60 kB, however many series there are."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All series of an instance together, at a moment."""

    at: float
    """The moment, in seconds of the clock that the history was made with."""
    rate: float
    """Serials a second."""
    serials: int
    """Serials in memory."""


class History:
    """The samples of the last hour.

    The leasing thread adds to it, requests read it. It needs no lock, so that a fork cannot copy
    one that is held: a sample is added, and all are copied, in one step of the interpreter.
    """

    def __init__(self, clock: MonotonicClock = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)

    def add(self, state: InstanceState) -> None:
        """Take a sample, unless the last one is younger than `EVERY_SECONDS`."""
        now = self._clock()
        if self._samples and now - self._samples[-1].at < EVERY_SECONDS:
            return
        rate = sum(each.rate for each in state.series)
        self._samples.append(Sample(now, rate, sum(each.held for each in state.series)))

    def samples(self) -> list[tuple[float, Sample]]:
        """Each sample with its age in seconds, the oldest first."""
        now = self._clock()
        return [(now - sample.at, sample) for sample in list(self._samples)]

    def reset_after_fork(self) -> None:
        """Forget everything: it is the parent's."""
        self._samples = deque(maxlen=SAMPLES)
