"""Number spaces as an instance knows them: the format with its key, and the series' ranges."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tracking_service.errors import KeyChangedError, MalformedNumberError
from tracking_service.numbering import Format, Pattern, compact, key_fingerprint
from tracking_service.numbering.pattern import LONGEST
from tracking_service.records import SeriesRecord, SpaceRecord

DEFAULT_SERIES = "default"
SERIES_NAME = re.compile(r"[a-z0-9-]{1,32}")


class SeriesSource(Protocol):
    """Where series are looked up. Every method may raise StoreError."""

    def find(self, name: str) -> SeriesRecord:
        """The series of this name, or UnknownSeriesError."""

    def in_space(self, number_space: str) -> Sequence[SeriesRecord]:
        """The series of one number space, by their serials."""

    def spaces(self, *, after: int) -> Sequence[SpaceRecord]:
        """The number spaces whose id is greater than `after`, by id."""


@dataclass(frozen=True, slots=True)
class NumberSpace:
    """A number space: its format, keyed, and the key's fingerprint, which no other space has."""

    name: str
    format: Format
    fingerprint: str


class NumberSpaces:
    """Makes each space's format once, and refuses a key that is not the one it knows.

    A second key in one space could repeat a number.
    """

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        # Changed without a lock, for it might be held by another thread at a fork: whichever of
        # two threads is first makes a space.
        self._spaces: dict[str, NumberSpace] = {}
        self._by_width: defaultdict[int, dict[str, NumberSpace]] = defaultdict(dict)
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
        """The space of the series of this name. Raises UnknownSeriesError and KeyChangedError."""
        return self.get(self._source.find(series))

    def read(self, text: str) -> tuple[NumberSpace, str]:
        """The space of a number as it is typed, and the number itself. No two spaces have it.

        Raises MalformedNumberError. Where no space that is known here has it, the database is
        asked for those that were made since, so StoreError too.
        """
        number = compact(text)
        read = self._read(number)
        if read is None and len(number) <= LONGEST:
            self._learn()
            read = self._read(number)
        if read is None:
            raise MalformedNumberError("no series of this service has numbers of this shape")
        return read

    def of_width(self, width: int) -> Sequence[NumberSpace]:
        """The spaces whose numbers have so many characters, as far as they are known here."""
        return tuple(self._by_width[width].values()) if width <= LONGEST else ()

    def series_in(self, number_space: str) -> Sequence[SeriesRecord]:
        """The series of a number space as they are now. Raises StoreError."""
        return self._source.in_space(number_space)

    def _read(self, number: str) -> tuple[NumberSpace, str] | None:
        for space in self.of_width(len(number)):
            read = space.format.pattern.shape.read(number)
            if read is not None:
                return space, read
        return None

    def _learn(self) -> None:
        for facts in self._source.spaces(after=self._last_id):
            if facts.name not in self._spaces:
                self._add(facts.name, facts.pattern, facts.key)
            self._last_id = max(self._last_id, facts.id)

    def _add(self, name: str, pattern: Pattern, key: bytes) -> NumberSpace:
        made = NumberSpace(name, Format(pattern, key), key_fingerprint(key))
        space = self._spaces.setdefault(name, made)
        self._by_width[space.format.width].setdefault(name, space)
        return space
