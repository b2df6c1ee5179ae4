"""Number spaces as an instance knows them: the pattern and key of each, and their format."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracking_service.errors import KeyChangedError, MalformedNumberError, SeriesClosedError
from tracking_service.numbering import Format, Pattern, ShapeIndex, compact, key_fingerprint
from tracking_service.numbering.pattern import LONGEST
from tracking_service.records import SeriesNotice, SeriesRecord, SpaceRecord, follow

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


@dataclass(frozen=True, slots=True)
class NumberSpace:
    """A number space: its format, keyed, and the key's fingerprint, which no other space has."""

    name: str
    format: Format
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a number space is made of."""

    name: str
    pattern: Pattern
    key: bytes = field(repr=False)


class NumberSpaces:
    """Makes each space's format once, when it is first needed, and refuses a key that is not the
    one it knows.

    A second key in one space could repeat a number.
    """

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        # Changed without a lock, for it might be held by another thread at a fork: whichever of
        # two threads is first makes a space.
        self._facts: dict[str, _Facts] = {}
        self._spaces: dict[str, NumberSpace] = {}
        self._index: ShapeIndex[_Facts] = ShapeIndex()
        self._last_id = 0

    def get(self, series: SeriesRecord) -> NumberSpace:
        """The space of a series. Raises KeyChangedError."""
        space = self._spaces.get(series.number_space)
        if space is None:
            space = self._space(self._add(series.number_space, series.pattern, series.key))
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
        return self._space(read[0]), read[1]

    def patterns_near(self, typed: str) -> Iterator[Pattern]:
        """The patterns whose fixed characters are at most one slip away from those of a text.

        As far as they are known here; those that have the text's come first.
        """
        return (facts.pattern for facts in self._index.near(typed))

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
        return [name for name in successors if series in follow(name, successors)[1:]]

    def _learn(self) -> None:
        for facts in self._source.spaces(after=self._last_id):
            self._add(facts.name, facts.pattern, facts.key)
            self._last_id = max(self._last_id, facts.id)

    def _add(self, name: str, pattern: Pattern, key: bytes) -> _Facts:
        facts = self._facts.setdefault(name, _Facts(name, pattern, key))
        self._index.add(name, facts.pattern.shape, facts)
        return facts

    def _space(self, facts: _Facts) -> NumberSpace:
        space = self._spaces.get(facts.name)
        if space is None:
            written = Format(facts.pattern, facts.key)
            made = NumberSpace(facts.name, written, key_fingerprint(facts.key))
            space = self._spaces.setdefault(facts.name, made)
        return space
