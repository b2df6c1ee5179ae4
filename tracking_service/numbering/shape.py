"""The shape of a number: which characters may stand where, and how a typed one is read.

The shape alone says which number space a number belongs to, so no two series of a database may
have shapes that meet. Where a place takes 0 or 1 and not the letters that look like them, those
letters are read as digits: O as 0, I and L as 1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tracking_service.numbering.alphabets import LETTERS

LOOK_ALIKES = {"O": "0", "I": "1", "L": "1"}

# ISO 3166-1 leaves AA, QM to QZ, XA to XZ and ZZ to users, for ever. Any other pair of letters may
# become a country's code: https://www.iso.org/glossary-for-iso-3166.html
_CODE = r"(?!AA|Q[M-Z]|X|ZZ)[A-Z]{2}"
CODES = tuple(
    code for code in (a + b for a in LETTERS for b in LETTERS) if re.fullmatch(_CODE, code)
)
_EXPRESSIONS = {"mm": "(?:0[1-9]|1[0-2])", "dd": "(?:0[1-9]|[12][0-9]|3[01])"}
COUNTRIES = ("origin", "destination")
SERIALS = ("body", "serial")
DATES = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a number."""

    kind: str
    """literal, origin, destination, body, serial, check, yyyy, yy, mm or dd."""
    characters: tuple[str, ...]
    """Which may stand at each of its places."""

    @property
    def width(self) -> int:
        """How many characters it takes."""
        return len(self.characters)

    @property
    def fixed(self) -> str | None:
        """What always stands there, if it is always the same."""
        text = "".join(self.characters)
        return text if len(text) == self.width else None

    @property
    def is_visible(self) -> bool:
        """Whether it says something of the shipment or the series, and nothing of the serial."""
        return self.kind != "check" and self.kind not in SERIALS

    @property
    def is_any_country(self) -> bool:
        """Whether every country's code may stand there."""
        return self.kind in COUNTRIES and self.fixed is None

    @property
    def expression(self) -> str:
        """A regular expression for what may stand there."""
        if self.is_any_country:
            return _CODE
        return _EXPRESSIONS.get(self.kind) or "".join(
            # One expression for equal places compiles several times as fast.
            f"[{each}]{{{len(tuple(places))}}}"
            for each, places in groupby(self.characters)
        )


class Shape:
    """What the numbers of a pattern can look like. Immutable."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.characters = tuple(each for part in parts for each in part.characters)
        """Which may stand at each place of a number."""
        self._parts = tuple(parts)
        # Both are made when they are first needed, for of many patterns few are. Set without a lock,
        # which another thread might hold at a fork; so not by functools.cached_property.
        self._exact: re.Pattern[str] | None = None
        self._readable: tuple[frozenset[str], ...] | None = None
        self._countries: list[int] = []
        at = 0
        for part in parts:
            if part.is_any_country:
                self._countries.append(at)
            at += part.width

    def fits(self, number: str) -> bool:
        """Whether a compact number has this shape as it stands."""
        exact = self._exact
        if exact is None:
            written = "".join(part.expression for part in self._parts)
            exact = self._exact = re.compile(written, re.ASCII)
        return exact.fullmatch(number) is not None

    def read(self, text: str) -> str | None:
        """The number that a compact text means: itself, or with look-alikes read; else None."""
        if self.fits(text):
            return text
        if len(text) != len(self.characters):
            return None
        number = self.read_look_alikes(text)
        return number if self.fits(number) else None

    def read_look_alikes(self, text: str) -> str:
        """A text as long as a number, with look-alikes read where they cannot stand themselves."""
        if LOOK_ALIKES.keys().isdisjoint(text):
            return text
        return "".join(
            typed if typed in allowed else LOOK_ALIKES.get(typed, typed)
            for typed, allowed in zip(text, self.characters, strict=True)
        )

    def meets(self, other: "Shape") -> bool:
        """Whether one text can be read as a number of both.

        Single places are compared, and the two letters of a free country code together. Shapes that
        this cannot tell apart count as meeting.
        """
        return (
            len(self.characters) == len(other.characters)
            and all(map(_share, self.readable, other.readable))
            and self._codes_meet(other)
            and other._codes_meet(self)
        )

    def _codes_meet(self, other: "Shape") -> bool:
        return all(
            any(
                code[0] in other.readable[at] and code[1] in other.readable[at + 1]
                for code in CODES
            )
            for at in self._countries
        )

    @property
    def readable(self) -> tuple[frozenset[str], ...]:
        """By place: the characters that are read there."""
        readable = self._readable
        if readable is None:
            readable = self._readable = tuple(
                frozenset(allowed)
                | {typed for typed, read in LOOK_ALIKES.items() if read in allowed}
                for allowed in self.characters
            )
        return readable


def _share(some: frozenset[str], others: frozenset[str]) -> bool:
    return not some.isdisjoint(others)
