"""The use case: the series that a caller may choose from, read from the database now and then."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracking_service.clock import wall_time
from tracking_service.errors import StoreError
from tracking_service.instance.database_health import Clock, DatabaseState
from tracking_service.numbering import Pattern
from tracking_service.numbering.preview import preview
from tracking_service.records import SeriesRecord

FRESH_SECONDS = 5.0
"""An instance asks the database no more often than this, however many requests come."""

READING_SECONDS = 30.0
"""While one request reads the database, others do not wait for it: longer than it can take."""

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


class SeriesList:
    """The series that numbers can be had of. While the database is away it is as it was last read.

    It has no lock, so that a fork cannot copy one that is held. Two requests may read the database
    at once, which does no harm.
    """

    def __init__(
        self,
        all_series: Callable[[], Sequence[SeriesRecord]],
        open_series: Callable[[], Sequence[ListedSeries]],
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        """`all_series` is `SeriesStore.all`; `open_series` gives those that the instance has open."""
        self._all_series = all_series
        self._open_series = open_series
        self._clock = clock
        self._read_again_at = float("-inf")
        self._last: tuple[ListedSeries, ...] | None = None

    def read(
        self, database: DatabaseState, only: frozenset[str] | None = None
    ) -> tuple[list[ListedSeries], bool]:
        """Return up to LISTED series by name, and whether these are all.

        `only` are the names of those that the caller may use; None: all. Before the database was
        read for the first time they are those that the instance has open. Leases nothing.
        """
        now = self._clock()
        if database != "away" and now >= self._read_again_at:
            self._read_again_at = now + READING_SECONDS
            try:
                # Not the records themselves, which hold the keys of all numbers.
                self._last = tuple(
                    ListedSeries(each.name, each.pattern, each.successor)
                    for each in self._all_series()
                    if each.closed_at is None or each.successor is not None
                )
            except StoreError:
                # The leasing thread notices the same, and logs it.
                pass
            finally:
                self._read_again_at = self._clock() + FRESH_SECONDS
        known = self._open_series() if self._last is None else self._last
        allowed = [each for each in known if only is None or each.name in only]
        return allowed[:LISTED], len(allowed) <= LISTED
