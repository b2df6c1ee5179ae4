"""A pattern: what the numbers of a series look like, such as `RB{body:9}{check}`.

| part | stands for |
| --- | --- |
| A to Z, 0 to 9 | themselves |
| `{origin}`, `{destination}` | the shipment's countries; `{origin:MY}` is MY and refuses any other |
| `{body:N}` | the serial in N characters, encrypted |
| `{serial:N}` | the serial in N characters, in the clear |
| `{check}` | the check character over all other characters that its algorithm knows |
| `{yyyy}`, `{yy}`, `{mm}`, `{dd}` | the moment of issue, in UTC |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn, TypeVar

from tracking_service.errors import (
    CheckCharacterError,
    InvalidPatternError,
    InvalidSeriesError,
    MalformedNumberError,
)
from tracking_service.numbering.alphabets import ALPHABETS, DIGITS, LETTERS, Alphabet
from tracking_service.numbering.checker import Checker
from tracking_service.numbering.checks import CHECKS, DEFAULT_CHECKS, CheckAlgorithm
from tracking_service.numbering.ff1 import LEAST_DOMAIN
from tracking_service.numbering.shape import COUNTRIES, DATES, SERIALS, Part, Shape

LONGEST = 16
"""Characters of a number, at the most."""

LONGEST_SERIAL = 12
"""Characters of a serial in letters, at the most: more values than a 64-bit counter reaches."""

PARTS = "{origin}, {destination}, {body:N}, {serial:N}, {check}, {yyyy}, {yy}, {mm} and {dd}"


_TOKEN = re.compile(r"(?P<literal>[A-Z0-9]+)|\{(?P<kind>[a-z]+)(?::(?P<argument>[A-Z0-9]+))?\}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_COUNT = re.compile(r"[1-9][0-9]?")

T = TypeVar("T")


@dataclass(frozen=True)
class Pattern:
    """A pattern with its alphabet and check algorithm, without a key. `parse` makes it."""

    text: str
    alphabet: Alphabet
    check: CheckAlgorithm | None
    """None where the numbers have no check character."""
    parts: tuple[Part, ...]
    # `parse` makes these two, not the first use: a lock around that could be held at a fork.
    shape: Shape = field(repr=False, compare=False)
    """What its numbers can look like."""
    checker: Checker = field(repr=False, compare=False)
    """What finds their check characters."""

    @property
    def options(self) -> dict[str, str]:
        """What a database keeps of it; `from_options` makes it again."""
        check = {"check": self.check.name} if self.check else {}
        return {"pattern": self.text, "alphabet": self.alphabet.name, **check}

    @property
    def width(self) -> int:
        """How many characters a number has."""
        return sum(part.width for part in self.parts)

    @property
    def serial(self) -> Part:
        """The body, or the serial in the clear."""
        return next(part for part in self.parts if part.kind in SERIALS)

    @property
    def is_encrypted(self) -> bool:
        """Whether the serial is encrypted."""
        return self.serial.kind == "body"

    @property
    def is_dated(self) -> bool:
        """Whether a number shows when it was issued."""
        return any(part.kind in DATES for part in self.parts)

    @property
    def capacity(self) -> int:
        """How many serials it can write: a serial is in [0, capacity)."""
        capacity: int = self.alphabet.radix**self.serial.width
        return capacity

    def only(self, kind: str) -> str | None:
        """The only `origin` or `destination` that its shipments may have; None where any may."""
        return next((part.fixed for part in self.parts if part.kind == kind), None)

    def check_number(self, number: str) -> None:
        """Refuse a compact number that this pattern cannot have written under any key.

        Raises MalformedNumberError and CheckCharacterError.
        """
        if not self.shape.fits(number):
            raise MalformedNumberError(f"this is no number of the pattern {self.text}")
        if not self.checker.is_right(number):
            raise CheckCharacterError

    @property
    def places(self) -> tuple[int, ...]:
        """Where each part begins in a number."""
        return tuple(
            sum(part.width for part in self.parts[:index]) for index in range(len(self.parts))
        )


def from_options(options: Mapping[str, str]) -> Pattern:
    """The pattern that a database keeps as these options."""
    return parse(options["pattern"], options["alphabet"], options.get("check"))


@lru_cache(maxsize=1024)
def parse(text: str, alphabet: str, check: str | None = None) -> Pattern:
    """Read a pattern; `check` names the algorithm, None means the alphabet's own.

    Raises InvalidPatternError, which points at the place, and InvalidSeriesError where alphabet,
    algorithm and pattern do not go together.
    """
    characters = _named(ALPHABETS, alphabet, "alphabet")
    parts: list[Part] = []
    places: dict[str, tuple[int, str]] = {}
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at) or _refuse(text, at, _hint(text[at:]))
        part = _part(text, match, characters)
        role = {"yy": "year", "yyyy": "year", "body": "serial"}.get(part.kind, part.kind)
        if role != "literal" and role in places:
            _refuse(text, at, f"a pattern has one {role}, and {places[role][1]} is it")
        places[role] = (at, match[0])
        parts.append(part)
        if sum(each.width for each in parts) > LONGEST:
            _refuse(text, at, f"a number has {LONGEST} characters at most, and this exceeds them")
        at = match.end()
    if "serial" not in places:
        _refuse(text, at, "the pattern needs {body:N}, the serial in N characters")
    _check_serial(
        text, places["serial"][0], next(p for p in parts if p.kind in SERIALS), characters
    )
    algorithm = None
    if "check" in places:
        algorithm = _algorithm(characters, check)
    elif check is not None:
        raise InvalidSeriesError(f"the pattern has no {{check}} for the check algorithm {check}")
    checker = Checker(algorithm, parts)
    if algorithm and algorithm.length not in (None, len(checker.covered)):
        why = f"{algorithm.title} is over {algorithm.length} digits, not {len(checker.covered)}"
        _refuse(text, places["check"][0], why)
    return Pattern(text, characters, algorithm, tuple(parts), Shape(parts), checker)


def _part(text: str, match: re.Match[str], alphabet: Alphabet) -> Part:
    if match["literal"]:
        return Part("literal", tuple(match["literal"]))
    kind, argument, at = match["kind"], match["argument"], match.start()
    if kind in SERIALS:
        if _COUNT.fullmatch(argument or "") is None:
            _refuse(text, at, f"say how many characters: {{{kind}:9}}, for instance")
        # Up to 99: longer than any number, and still quick to add up.
        return Part(kind, (alphabet.characters,) * int(argument))
    if kind in COUNTRIES:
        if argument is None:
            return Part(kind, (LETTERS, LETTERS))
        if _COUNTRY.fullmatch(argument) is None:
            _refuse(text, at, f"a country is two letters: {{{kind}:MY}}, for instance")
        return Part(kind, tuple(argument))
    if kind != "check" and kind not in DATES:
        _refuse(text, at, f"there is no such part; there are {PARTS}")
    if argument is not None:
        _refuse(text, at, f"{{{kind}}} takes nothing after a colon")
    return Part(kind, (alphabet.characters,) if kind == "check" else (DIGITS,) * len(kind))


def _hint(rest: str) -> str:
    inside, closed, _ = rest[1:].partition("}")
    if rest.startswith("{") and (not closed or "{" in inside):
        return f"a part is closed by }}, and there are {PARTS}"
    if rest.startswith("{"):
        return (
            "a part is a name in lower case, with a colon and a number, or a country in capitals,"
            f" where it takes one; there are {PARTS}"
        )
    if rest[0] in LETTERS.lower():
        return "a literal is upper case: A to Z and 0 to 9"
    return "a literal is one of A to Z and 0 to 9"


def _refuse(text: str, at: int, why: str) -> NoReturn:
    """Raise InvalidPatternError for the part, or the character, that stands at `at`."""
    rest = text[at:]
    shown = rest[: rest.find("}") + 1] if rest.startswith("{") and "}" in rest else rest[:1]
    if not shown.isprintable():
        shown = ascii(shown)[1:-1]
    where = f"at character {at + 1}, {shown}" if shown else "at its end"
    raise InvalidPatternError(f"the pattern {text!r} is wrong {where}: {why}")


def _check_serial(text: str, at: int, part: Part, alphabet: Alphabet) -> None:
    values = alphabet.radix**part.width
    if values < LEAST_DOMAIN:
        least = next(n for n in range(2, LONGEST) if alphabet.radix**n >= LEAST_DOMAIN)
        _refuse(text, at, f"{part.width} of {alphabet.name} is too few to hide in: take {least}")
    if part.width > LONGEST_SERIAL and alphabet.radix > len(DIGITS):
        _refuse(text, at, f"a serial has {LONGEST_SERIAL} characters of {alphabet.name} at most")


def _algorithm(alphabet: Alphabet, name: str | None) -> CheckAlgorithm:
    if name is None:
        return DEFAULT_CHECKS[alphabet.name]
    algorithm = _named(CHECKS, name, "check algorithm")
    if algorithm.alphabet is not alphabet:
        fitting = ", ".join(each.name for each in CHECKS.values() if each.alphabet is alphabet)
        raise InvalidSeriesError(
            f"the check algorithm {name} is not for the alphabet {alphabet.name}: take {fitting}"
        )
    return algorithm


def _named(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise InvalidSeriesError(f"there is no {what} {name}: take one of {', '.join(known)}")
    return known[name]
