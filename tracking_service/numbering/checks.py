"""Check characters: every algorithm is one table, used for one number and for arrays of them.

An algorithm is a finite automaton. It reads a number's characters from left to right; the state
that it ends in says which check character to write. How a character changes the state may depend
on its place, counted from the check character: place 0 stands next to it.

- ISO/IEC 7064 (https://www.iso.org/standard/31531.html): the hybrid systems MOD 11,10, MOD 37,36
  and, with the same formula, MOD 33,32; the pure system MOD 37-2's formula with 27 characters.
- Luhn, ISO/IEC 7812-1 annex B. Damm, https://doi.org/10.17877/DE290R-15032 (the table is that of
  https://en.wikipedia.org/wiki/Damm_algorithm). Verhoeff, Error detecting decimal codes, 1969.
- UPU S10: https://www.upu.int/en/postal-solutions/programmes-services/standards

>>> CHECKS["mod-37-36"].check_character("A12425GABC1234002")
'M'
>>> CHECKS["s10"].check_character("47312482")
'9'
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tracking_service.numbering.alphabets import ALPHABETS, DIGITS, LETTERS, Alphabet

Table = tuple[tuple[int, ...], ...]
"""`table[state][value]` is the state after a character of this value."""

SUBSTITUTIONS = "every wrong character"
SWAPS = "every swap of unlike neighbours"


@dataclass(frozen=True, slots=True, eq=False)
class CheckAlgorithm:
    """How a check character is computed from the characters that it covers."""

    name: str
    title: str
    alphabet: Alphabet
    """That of the check character, and of every series that uses the algorithm."""
    tables: tuple[Table, ...]
    """The table of place p is `tables[p % len(tables)]`."""
    start: int
    finish: tuple[int, ...]
    """By the state at the end: the value of the check character."""
    letter_a: int | None
    """The value of A in country codes and literals, B the next; None: letters are not covered."""
    catches: str
    length: int | None = None
    """How many characters it covers, where that is fixed."""

    @property
    def finish_characters(self) -> tuple[str, ...]:
        """By the state at the end: the check character."""
        return tuple(self.alphabet.characters[value] for value in self.finish)

    def value(self, character: str, of_serial: bool) -> int | None:
        """The value of a character, of the serial or of what surrounds it; None: not covered."""
        if of_serial:
            return self.alphabet.values[character]
        if character in DIGITS:
            return int(character)
        return None if self.letter_a is None else self.letter_a + LETTERS.index(character)

    def covers(self, character: str, of_serial: bool) -> bool:
        """Whether a character counts, of the serial or of what surrounds it."""
        return self.value(character, of_serial) is not None

    def check_character(self, text: str) -> str:
        """The check character of a text of the alphabet; KeyError for any other character."""
        state = self.start
        for place, character in zip(range(len(text) - 1, -1, -1), text, strict=True):
            state = self.tables[place % len(self.tables)][state][self.alphabet.values[character]]
        return self.finish_characters[state]


def _table(states: int, radix: int, step: Callable[[int, int], int]) -> Table:
    return tuple(tuple(step(state, value) for value in range(radix)) for state in range(states))


def _hybrid(alphabet: str, *, letter_a: int | None, missed: str) -> CheckAlgorithm:
    """ISO/IEC 7064's MOD m+1,m; m is even, or two states would become one. State 0 is unused."""
    m = ALPHABETS[alphabet].radix
    return CheckAlgorithm(
        f"mod-{m + 1}-{m}",
        f"ISO/IEC 7064 MOD {m + 1},{m}",
        ALPHABETS[alphabet],
        (_table(m + 1, m, lambda state, value: ((state + value) % m or m) * 2 % (m + 1)),),
        start=m,
        finish=tuple((1 - state) % m for state in range(m + 1)),
        letter_a=letter_a,
        catches=f"{SUBSTITUTIONS}, and all but about {missed} % of swaps of unlike neighbours",
    )


def _adding(modulus: int, addends: Iterable[int]) -> Table:
    """The table that adds to the state, modulo `modulus`, the addend of each digit."""
    of = tuple(addends)
    return _table(modulus, 10, lambda state, digit: (state + of[digit]) % modulus)


def _digits(*rows: str) -> Table:
    return tuple(tuple(map(int, row)) for row in rows)


# fmt: off
_DAMM = _digits(
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)
_VERHOEFF_PERMUTED = _digits(
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)
# fmt: on


def _turning(permuted: tuple[int, ...]) -> Table:
    """The table that permutes each digit, and multiplies the result by the state."""
    return _table(10, 10, lambda state, digit: _dihedral(permuted[digit], state))


def _dihedral(first: int, second: int) -> int:
    """The product in D5, the symmetries of a pentagon: 0 to 4 are rotations, the rest flips."""
    if first < 5:
        return (first + second) % 5 + (5 if second >= 5 else 0)
    return (first - second) % 5 + (0 if second >= 5 else 5)


_CONSONANTS = ALPHABETS["consonants"]

_ALL = (
    _hybrid("digits", letter_a=None, missed="2"),
    _hybrid("crockford", letter_a=0, missed="0.2"),
    _hybrid("base36", letter_a=10, missed="0.16"),
    CheckAlgorithm(
        "mod-27-2",
        "ISO/IEC 7064 MOD 27-2",
        _CONSONANTS,
        (_table(27, 27, lambda state, value: 2 * (state + value) % 27),),
        start=0,
        finish=tuple((1 - state) % 27 for state in range(27)),
        letter_a=0,
        catches=f"{SUBSTITUTIONS} and {SWAPS}",
    ),
    CheckAlgorithm(
        "luhn",
        "Luhn",
        ALPHABETS["digits"],
        (_adding(10, (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)), _adding(10, range(10))),
        start=0,
        finish=tuple(-state % 10 for state in range(10)),
        letter_a=None,
        catches=f"{SUBSTITUTIONS}, and every swap of unlike neighbours but 09 for 90",
    ),
    CheckAlgorithm(
        "damm",
        "Damm",
        ALPHABETS["digits"],
        (_DAMM,),
        start=0,
        finish=tuple(range(10)),
        letter_a=None,
        catches=f"{SUBSTITUTIONS} and {SWAPS}",
    ),
    CheckAlgorithm(
        "verhoeff",
        "Verhoeff",
        ALPHABETS["digits"],
        # Verhoeff's place 0 is the check digit's own.
        tuple(map(_turning, (*_VERHOEFF_PERMUTED[1:], _VERHOEFF_PERMUTED[0]))),
        start=0,
        finish=(0, 4, 3, 2, 1, 5, 6, 7, 8, 9),
        letter_a=None,
        catches=f"{SUBSTITUTIONS} and {SWAPS}",
    ),
    CheckAlgorithm(
        "s10",
        "UPU S10",
        ALPHABETS["digits"],
        tuple(_adding(11, range(0, 10 * weight, weight)) for weight in (7, 9, 5, 3, 2, 4, 6, 8)),
        start=0,
        # 11 less the sum modulo 11, where 10 is written 0 and 11 is written 5.
        finish=(5, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1),
        letter_a=None,
        catches="all but about 1.6 % of wrong digits, and all but about 2 % of swapped neighbours",
        length=8,
    ),
)

CHECKS: Mapping[str, CheckAlgorithm] = MappingProxyType({each.name: each for each in _ALL})

DEFAULT_CHECKS: Mapping[str, CheckAlgorithm] = MappingProxyType(
    {each.alphabet.name: each for each in reversed(_ALL) if each.title.startswith("ISO")}
)
"""By the alphabet's name: the check algorithm that a series uses by default."""
