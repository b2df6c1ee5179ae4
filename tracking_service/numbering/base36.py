"""Numerals as text: the digits 0-9A-Z, as ISO/IEC 7064 and the tracking numbers use them.

Reading is Python's own `int(text, 36)`, for text whose characters have been checked already.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Two digits a step halve the divisions, which is where the time goes.
_PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)


def base36(value: int, length: int) -> str:
    """Write `value` in exactly `length` characters; it must be in [0, 36**length)."""
    parts = []
    for _ in range(length // 2):
        value, pair = divmod(value, 1296)
        parts.append(_PAIRS[pair])
    if length % 2:
        value, digit = divmod(value, 36)
        parts.append(ALPHABET[digit])
    if value:
        raise ValueError(f"the value does not fit {length} base-36 characters")
    parts.reverse()
    return "".join(parts)


def numerals(
    values: "NDArray[np.uint64]", radix: int, length: int, into: "NDArray[np.uint8]"
) -> None:
    """Write the numerals of each value, as numbers below `radix`, into a row of `into`.

    `into` has a row for each value and `length` columns, the most significant first.
    """
    import numpy as np

    # Four bytes divide twice as fast as eight, and a half of a number needs no more.
    rest = values.astype(np.uint32)
    for column in range(length - 1, -1, -1):
        quotient = rest // np.uint32(radix)
        into[:, column] = rest - quotient * np.uint32(radix)
        rest = quotient
