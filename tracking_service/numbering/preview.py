"""What the numbers of a pattern look like, before a series is made with it.

Code 128: ISO/IEC 15417, https://www.iso.org/standard/43896.html. A symbol is 11 modules wide, the
stop symbol 13. Subset B writes a character with each symbol, subset C two digits; a change of
subset takes a symbol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracking_service.numbering.alphabets import DIGITS
from tracking_service.numbering.format import Format, Shipment
from tracking_service.numbering.pattern import Pattern
from tracking_service.numbering.shape import SERIALS
from tracking_service.numbering.space_key import KEY_BYTES

EXAMPLES = 5

MODULE_MM = 0.33
"""The width of a module, the narrowest bar, in millimetres: the usual one of a label that is scanned
by hand, and wide enough for a printer of 203 dots an inch."""

QUIET_MODULES = 10
"""The least width of the quiet zone on each side."""

ISSUED = 1_000_000
"""How many issued numbers the chance of an invention is computed for."""

_SYMBOL, _STOP = 11, 13
_SHIPMENT = Shipment("MY", "ID")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known of a pattern without a series."""

    examples: tuple[str, ...]
    """Numbers under a key that no series has."""
    length: int
    """Characters of a number."""
    numbers: int
    """How many serials it can write, each once."""
    inventions: float | None
    """One in so many invented numbers of its shape is real, once ISSUED are issued; None if the
    serial is in the clear, for then the next number is no secret."""
    catches: str | None
    """Which slips the check character catches; None if there is none."""
    barcode_modules: int
    """The width of its Code 128 barcode at the most, with both quiet zones."""

    @property
    def barcode_mm(self) -> float:
        """The same in millimetres, at MODULE_MM a module."""
        return round(self.barcode_modules * MODULE_MM, 1)


def preview(pattern: Pattern, moment: float) -> Preview:
    """Describe a pattern; the examples are issued at `moment`, in seconds since 1970."""
    number_format = Format(pattern, bytes(KEY_BYTES))
    shipment = Shipment(
        pattern.only("origin") or _SHIPMENT.origin,
        pattern.only("destination") or _SHIPMENT.destination,
    )
    check = pattern.check
    inventions = None
    if pattern.is_encrypted:
        inventions = pattern.capacity * (check.alphabet.radix if check else 1) / ISSUED
    return Preview(
        examples=tuple(
            number_format.encode(serial, shipment, moment) for serial in range(EXAMPLES)
        ),
        length=pattern.width,
        numbers=pattern.capacity,
        inventions=inventions,
        catches=_catches(pattern),
        barcode_modules=barcode_modules(
            [set(characters) <= set(DIGITS) for characters in pattern.shape.characters]
        ),
    )


def _catches(pattern: Pattern) -> str | None:
    check = pattern.check
    if check is None:
        return None
    # Where the pattern fixes a letter, a wrong one breaks the shape, with or without a check.
    covered = all(
        len(characters) == 1 or check.covers(characters[0], part.kind in SERIALS)
        for part in pattern.parts
        if part.kind != "check"
        for characters in part.characters
    )
    return check.catches if covered else f"of the digits, not the letters: {check.catches}"


def barcode_modules(is_digit: Sequence[bool]) -> int:
    """The modules of the narrowest Code 128 barcode with quiet zones, by place: is it a digit?"""
    never = len(is_digit) * 2 + 2
    # The fewest symbols up to each place, the start symbol counted, by the subset there.
    in_b, in_c = [1], [1]
    for at in range(1, len(is_digit) + 1):
        b = in_b[at - 1] + 1
        pair = at >= 2 and is_digit[at - 1] and is_digit[at - 2]
        c = in_c[at - 2] + 1 if pair else never
        in_b.append(min(b, c + 1))
        in_c.append(min(c, b + 1))
    # The fewer of the two has no change of subset at the end. The check symbol is one more.
    symbols = min(in_b[-1], in_c[-1]) + 1
    return symbols * _SYMBOL + _STOP + 2 * QUIET_MODULES


def preview_facts(described: Preview) -> dict[str, Any]:
    """A preview as the command and the API show it."""
    return {
        "examples": list(described.examples),
        "length": described.length,
        "numbers": described.numbers,
        "invented_per_real": described.inventions,
        "check_catches": described.catches,
        "barcode_modules": described.barcode_modules,
        "barcode_mm": described.barcode_mm,
    }
