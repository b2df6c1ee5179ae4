"""Number spaces as an instance knows them: the pattern and key of each, and their format."""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from tracking_service.errors import KeyChangedError, MalformedNumberError, SeriesClosedError
from tracking_service.numbering import Format, Pattern, ShapeIndex, compact, key_fingerprint
from tracking_service.numbering.pattern import LONGEST
from tracking_service.records import SeriesNotice, SeriesRecord, SpaceRecord, succession_line

DEFAULT_SERIES = "default"
SERIES_NAME = re.compile(r"[a-z0-9-]{1,32}")


class SeriesSource(Protocol):
    """Where series are looked up. Every method may raise StoreError."""

    def find(self, name: str) -> SeriesRecord:
        """The series of this name, or UnknownSeriesError."""

    def nearest(self, number_space: str, serial: int) -> SeriesRecord | None:
        """The series of a number space that begins at or next before `serial`; None where none."""

    def count_leased(self, serials: Sequence[tuple[str, int]]) -> int:
        """How many of these serials, each with its number space, have been leased."""

    def notices(self) -> Sequence[SeriesNotice]:
        """The notices of all series that have a successor or are closed."""

    def spaces(self, *, after: int) -> Sequence[SpaceRecord]:
        """The number spaces whose id is greater than `after`, by id."""


class NumberSpace:
    """A number space: its pattern and its format. Any number of threads may share it."""

    __slots__ = ("_format", "_key", "fingerprint", "name", "pattern")

    def __init__(self, name: str, pattern: Pattern, key: bytes) -> None:
        self.name = name
        self.pattern = pattern
        self.fingerprint = key_fingerprint(key)
        """The key's, which no other space has."""
        self._key = key
        self._format: Format | None = None

    @property
    def format(self) -> Format:
        """The pattern under the key, made at its first use: of many spaces few are used."""
        # Without a lock, which another thread might hold at a fork. Two threads may make two, and
        # both write the same numbers.
        made = self._format
        if made is None:
            made = self._format = Format(self.pattern, self._key)
        return made


class NumberSpaces:
    """The number spaces that an instance knows. Refuses a key that is not the one it began with.

    A second key in one space could repeat a number.
    """

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        # Only added to, without a lock, which another thread might hold at a fork. Of two threads
        # the first adds the space, and both get it.
        self._spaces: dict[str, NumberSpace] = {}
        self._index: ShapeIndex[NumberSpace] = ShapeIndex()
        self._last_id = 0

    def get(self, series: SeriesRecord) -> NumberSpace:
        """The space of a series. Raises KeyChangedError."""
        space = self._spaces.get(series.number_space)
        if space is None:
            space = self._add(series.number_space, series.pattern, series.key)
        if space.fingerprint != key_fingerprint(series.key):
            raise KeyChangedError.of(series.number_space)
        return space

    def find(self, series: str) -> NumberSpace:
        """The space of the series of this name, to issue from it.

        Raises UnknownSeriesError, SeriesClosedError and KeyChangedError.
        """
        record = self._source.find(series)
        if record.closed_at is not None and record.successor is None:
            raise SeriesClosedError.of(series)
        return self.get(record)

    def read(self, text: str) -> tuple[NumberSpace, str]:
        """The space of a number as it is typed, and the number itself. No two spaces have it.

        Raises MalformedNumberError. Where no space that is known here has it, the database is
        asked for those that were made since, so StoreError too.
        """
        number = compact(text)
        read = self._index.read(number)
        if read is None and len(number) <= LONGEST:
            self._learn()
            read = self._index.read(number)
        if read is None:
            raise MalformedNumberError("no series of this service has numbers of this shape")
        return read

    def patterns_near(self, typed: str) -> Iterator[Pattern]:
        """The patterns whose fixed characters are at most one slip away from those of a text.

        Of the spaces that are known here; first come those that have the text's own.
        """
        return (space.pattern for space in self._index.near(typed))

    def holding(self, space: NumberSpace, serial: int) -> SeriesRecord | None:
        """The series that has leased this serial, as the database says now; None where none has.

        Raises KeyChangedError and other StoreErrors.
        """
        series = self._source.nearest(space.name, serial)
        if series is None:
            return None
        self.get(series)
        return series if serial < series.next_serial else None

    def count_leased(self, numbers: Sequence[str]) -> int:
        """How many of these numbers, of spaces that are known here, have been leased.

        By the series' counters. Raises NumberError and StoreError.
        """
        serials = []
        for number in numbers:
            space, _ = self.read(number)
            serials.append((space.name, space.format.decode(number).serial))
        return self._source.count_leased(serials)

    def predecessors(self, series: str) -> Sequence[str]:
        """The series that this one follows, at whatever distance. Raises StoreError."""
        successors = {notice.name: notice.successor for notice in self._source.notices()}
        return [name for name in successors if series in succession_line(name, successors)[1:]]

    def _learn(self) -> None:
        for record in self._source.spaces(after=self._last_id):
            self._add(record.name, record.pattern, record.key)
            self._last_id = max(self._last_id, record.id)

    def _add(self, name: str, pattern: Pattern, key: bytes) -> NumberSpace:
        space = self._spaces.setdefault(name, NumberSpace(name, pattern, key))
        self._index.add(name, space.pattern.shape, space)
        return space
