"""Reading a number as people type it, paste it and scan it: the one place that does.

What is left out: white space (a scanner's line end, a no-break space), hyphens and dashes, and
characters that have no width. Full-width forms, as East Asian input writes them, are the characters
that they stand for. Whether O, I and L are read as 0 and 1 depends on the number space: `shape.py`.

https://www.unicode.org/reports/tr44/#General_Category_Values
"""

import re
from string import ascii_lowercase, ascii_uppercase, whitespace
from unicodedata import category

from tracking_service.errors import MalformedNumberError

_COMPACT = re.compile(r"[0-9A-Z]+")
_ASCII = str.maketrans(ascii_lowercase, ascii_uppercase, "-" + whitespace + "\x1c\x1d\x1e\x1f")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_NOTHING = frozenset({"Cf", "Pd", "Zs", "Zl", "Zp"})
"""Categories: format characters, dashes, white space."""
_OTHERS = frozenset("\N{MINUS SIGN}\N{NEXT LINE}")


def compact(text: str) -> str:
    """A number in its canonical form: upper case, with nothing between its characters.

    MalformedNumberError where anything but ASCII letters and digits is left, or nothing.
    """
    number = squeeze(text)
    if _COMPACT.fullmatch(number) is None:
        raise MalformedNumberError("a tracking number is letters A to Z and digits 0 to 9")
    return number


def squeeze(text: str) -> str:
    """As `compact`, but keeps the characters that no number has."""
    if not text.isascii():
        # Only ASCII is upper-cased: some other characters would become ASCII.
        text = "".join(
            each
            for each in text.translate(_FULL_WIDTH)
            if each.isascii() or (category(each) not in _NOTHING and each not in _OTHERS)
        )
    return text.translate(_ASCII)
