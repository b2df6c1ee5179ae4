"""The use case: the series that a caller may choose from, read from the database now and then."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from tracking_service.clock import MonotonicClock, wall_time
from tracking_service.instance.instance import Instance
from tracking_service.numbering import Pattern
from tracking_service.numbering.preview import preview
from tracking_service.records import SeriesRecord
from tracking_service.services.aged_read import AgedRead
from tracking_service.telemetry.state import DatabaseState

FRESH_SECONDS = 5.0
"""An instance asks the database no more often than this for one set of series, however many
requests come."""

CALLERS = 64
"""Lists that are remembered, one for each set of series that keys are for."""

LISTED = 1000
"""How many series are listed, the first by name. A caller who needs another one knows its name."""


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """A series that numbers can be had of, and what they look like."""

    name: str
    pattern: Pattern
    successor: str | None

    def example(self) -> str:
        """A number of its pattern under a key that no series has."""
        return _example(self.pattern)


@lru_cache(maxsize=LISTED)
def _example(pattern: Pattern) -> str:
    return preview(pattern, wall_time()).examples[0]


def offered_in_memory(instance: Instance) -> list[ListedSeries]:
    """The series that the instance has open and offers, by name: what `SeriesStore.offered` reads
    from the database. A closed one is among them if it has a successor.
    """
    opened = sorted(instance.registry.open.copy().items())
    return [
        ListedSeries(name, each.format.pattern, each.supply.successor)
        for name, each in opened
        if not each.supply.is_closed or each.supply.successor is not None
    ]


class SeriesList:
    """The series that numbers can be had of. While the database is away it is as it was last read.

    The cost of a reading has a bound, however many series there are.
    """

    def __init__(
        self,
        offered: Callable[[frozenset[str] | None, int], Sequence[SeriesRecord]],
        open_series: Callable[[], Sequence[ListedSeries]],
        *,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        """`offered` is `SeriesStore.offered`; `open_series` is `offered_in_memory`, of an instance."""
        self._offered = offered
        self._open_series = open_series
        self._clock = clock
        self._reads: dict[frozenset[str] | None, AgedRead[tuple[ListedSeries, ...] | None]] = {}

    def read(
        self, database: DatabaseState, only: frozenset[str] | None = None
    ) -> tuple[list[ListedSeries], bool]:
        """Return up to LISTED series by name, and whether these are all.

        `only` are the names of those that the caller may use; None: all. Before the database was
        read for the first time they are those that the instance has open. Leases nothing.
        """
        read = self._reads.get(only)
        if read is None:
            if len(self._reads) >= CALLERS:
                self._reads.clear()
            ask = partial(self._ask, only)
            read = AgedRead(ask, None, fresh_seconds=FRESH_SECONDS, clock=self._clock)
            self._reads[only] = read
        known, _ = read.read(database)
        if known is None:
            known = tuple(each for each in self._open_series() if only is None or each.name in only)
        return list(known[:LISTED]), len(known) <= LISTED

    def _ask(self, only: frozenset[str] | None) -> tuple[ListedSeries, ...]:
        # Not the records themselves, which hold the keys of all numbers.
        return tuple(
            ListedSeries(each.name, each.pattern, each.successor)
            for each in self._offered(only, LISTED + 1)
        )
