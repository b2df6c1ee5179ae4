"""The alphabets that a serial can be written in.

- `digits`: the densest barcode, and the longest number.
- `base36`: the shortest number. It has O beside 0 and I beside 1, which people confuse.
- `crockford`: https://www.crockford.com/base32.html, without I, L, O and U.
- `consonants`: the base-20 characters of https://www.rfc-editor.org/rfc/rfc8628#section-6.1 without
  L, and the digits 2 to 9. It has neither vowels nor Y, 0 or 1, so it spells no word.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # At run time it is loaded by the first batch: a start should not wait for it.
    import numpy as np
    from numpy.typing import NDArray

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Alphabet:
    """Numerals of one radix as text, the most significant first. Immutable."""

    __slots__ = ("_pairs", "_to_python", "characters", "name", "radix", "values")

    def __init__(self, name: str, characters: str) -> None:
        self.name = name
        self.characters = characters
        self.radix = len(characters)
        self.values: Mapping[str, int] = MappingProxyType(
            {character: value for value, character in enumerate(characters)}
        )
        # Two characters a step halve the divisions, which is where the time goes.
        self._pairs = tuple(high + low for high in characters for low in characters)
        # `int(text, radix)` reads a text in which the characters are Python's own numerals.
        self._to_python = str.maketrans(characters, (DIGITS + LETTERS)[: self.radix])

    def __repr__(self) -> str:
        return f"Alphabet({self.name!r})"

    def write(self, value: int, length: int) -> str:
        """Write `value`, in [0, radix**length), in exactly `length` characters; else ValueError."""
        parts = []
        pairs, size = self._pairs, self.radix * self.radix
        for _ in range(length // 2):
            value, pair = divmod(value, size)
            parts.append(pairs[pair])
        if length % 2:
            value, digit = divmod(value, self.radix)
            parts.append(self.characters[digit])
        if value:
            raise ValueError(f"the value does not fit {length} characters of {self.name}")
        parts.reverse()
        return "".join(parts)

    def read(self, text: str) -> int:
        """Read what `write` wrote. The characters must have been checked already."""
        return int(text.translate(self._to_python), self.radix)

    def numerals(self, values: "NDArray[np.uint64]", into: "NDArray[np.uint8]") -> None:
        """Write the numerals of each value, below 2**32, as numbers below `radix`.

        `into` has a row for each numeral, the most significant first, and a column for each value.
        """
        import numpy as np

        # Four bytes divide twice as fast as eight.
        rest = values.astype(np.uint32)
        radix = np.uint32(self.radix)
        for row in range(len(into) - 1, -1, -1):
            quotient = rest // radix
            into[row] = rest - quotient * radix
            rest = quotient


ALPHABETS: Mapping[str, Alphabet] = MappingProxyType(
    {
        name: Alphabet(name, characters)
        for name, characters in (
            ("digits", DIGITS),
            ("base36", DIGITS + LETTERS),
            ("crockford", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
            ("consonants", "23456789BCDFGHJKMNPQRSTVWXZ"),
        )
    }
)
