"""Number spaces as an instance knows them: the format with its key, and the series' ranges."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tracking_service.errors import KeyChangedError
from tracking_service.numbering import FORMATS, Format, key_fingerprint
from tracking_service.records import SeriesRecord

DEFAULT_SERIES = "default"
SERIES_NAME = re.compile(r"[a-z0-9-]{1,32}")


class SeriesSource(Protocol):
    """Where series are looked up. Every method may raise StoreError."""

    def find(self, name: str) -> SeriesRecord:
        """The series of this name, or UnknownSeriesError."""

    def in_space(self, number_space: str) -> Sequence[SeriesRecord]:
        """The series of one number space, by their serials."""

    def all(self) -> Sequence[SeriesRecord]:
        """Every series."""


@dataclass(frozen=True, slots=True)
class NumberSpace:
    """A number space: its format, keyed, and the key's fingerprint, which no other space has."""

    format: Format
    fingerprint: str


class NumberSpaces:
    """Makes each space's format once, and refuses a key that is not the one it knows.

    A second key in one space could repeat a number.
    """

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        self._spaces: dict[str, NumberSpace] = {}

    def get(self, series: SeriesRecord) -> NumberSpace:
        """The space of a series. Raises KeyChangedError."""
        fingerprint = key_fingerprint(series.key)
        space = self._spaces.get(series.number_space)
        if space is None:
            made = FORMATS[series.format].build(series.key, series.options)
            # Whichever of two threads is first: a lock might be held by another thread at a fork.
            space = self._spaces.setdefault(series.number_space, NumberSpace(made, fingerprint))
        if space.fingerprint != fingerprint:
            raise KeyChangedError.of(series.number_space)
        return space

    def find(self, series: str) -> NumberSpace:
        """The space of the series of this name. Raises UnknownSeriesError and KeyChangedError."""
        return self.get(self._source.find(series))

    def all_series(self) -> Sequence[SeriesRecord]:
        """Every series as it is now. Raises StoreError."""
        return self._source.all()

    def series_in(self, number_space: str) -> Sequence[SeriesRecord]:
        """The series of a number space as they are now. Raises StoreError."""
        return self._source.in_space(number_space)
