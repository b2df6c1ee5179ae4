"""The ISO/IEC 7064 MOD 37,36 check character, over 0-9A-Z.

A hybrid system: it catches every substitution of one character, and all but about 0.16 % of swaps
of unlike neighbours. GRid and ISAN use it too.

https://www.iso.org/standard/31531.html

>>> check_character("A12425GABC1234002")
'M'
>>> is_valid("A12425GABC1234002M")
True
>>> is_valid("A12425GABC1234020M")
False
"""

from functools import cache
from typing import TYPE_CHECKING

from tracking_service.numbering.base36 import ALPHABET

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _transitions() -> tuple[dict[str, int], ...]:
    """What a state becomes at each character; the states are 1 to 36, row 0 is never entered."""
    rows: list[dict[str, int]] = [{}]
    for state in range(1, 37):
        sums = ((state + value) % 36 or 36 for value in range(36))
        rows.append({ALPHABET[value]: total * 2 % 37 for value, total in enumerate(sums)})
    return tuple(rows)


_NEXT = _transitions()
# By the state that the text ends in: the character that brings the whole to 1 modulo 36.
_CHECK = tuple(ALPHABET[(37 - state) % 36] for state in range(37))


def check_character(text: str) -> str:
    """The character to write after `text`. ValueError where text is not all 0-9A-Z."""
    return _CHECK[_state(text)]


def _state(text: str) -> int:
    state = 36
    try:
        for character in text:
            state = _NEXT[state][character]
    except KeyError:
        raise ValueError("MOD 37,36 is over the characters 0-9 and A-Z") from None
    return state


def is_valid(text: str) -> bool:
    """Whether the last character checks those before it. ValueError as `check_character`."""
    if len(text) < 2:
        return False
    return check_character(text[:-1]) == text[-1]


def check_many(prefix: str, numerals: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """The check character of `prefix` followed by each row of numerals, as a number below 36."""
    import numpy as np

    steps, checks = _tables()
    state = np.full(len(numerals), _state(prefix), dtype=np.intp)
    for column in range(numerals.shape[1]):
        state = steps[state * 36 + numerals[:, column]]
    return checks[state].astype(np.uint8)


@cache
def _tables() -> "tuple[NDArray[np.intp], NDArray[np.intp]]":
    """`_NEXT` and `_CHECK` as arrays of numbers; the first is flat, 36 entries for each state."""
    import numpy as np

    steps = [row.get(character, 0) for row in _NEXT for character in ALPHABET]
    checks = [ALPHABET.index(character) for character in _CHECK]
    return np.array(steps, dtype=np.intp), np.array(checks, dtype=np.intp)
