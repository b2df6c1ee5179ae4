"""Which formats there are, and to which number space a number belongs.

A new format is one module with a KIND, and its line here: docs/formats.md shows how.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tracking_service.errors import MalformedNumberError
from tracking_service.numbering import routed, s10
from tracking_service.numbering.format import FormatKind

FORMATS: Mapping[str, FormatKind] = MappingProxyType(
    {kind.name: kind for kind in (routed.KIND, s10.KIND)}
)

_COMPACT = re.compile(r"[0-9A-Z]+")


def compact(text: str) -> str:
    """A number as people type it, made canonical: no spaces, no hyphens, upper case.

    MalformedNumberError where anything but ASCII letters and digits is left, or nothing.
    """
    # ASCII first: other letters may turn into ASCII ones in upper case.
    number = text.replace(" ", "").replace("-", "").upper() if text.isascii() else ""
    if _COMPACT.fullmatch(number) is None:
        raise MalformedNumberError("a tracking number is letters A to Z and digits 0 to 9")
    return number


def space_of(number: str) -> str:
    """The name of the space of a compact number, by its shape alone; MalformedNumberError.

    It says nothing of whether there is such a space here.
    """
    return _recognised(number)[1]


def check_number(number: str) -> None:
    """Refuse a compact number that is none under any key, as `Format.decode` would.

    Raises MalformedNumberError or CheckCharacterError. For numbers of a space that there is not
    here: without a series there is no key to decode them with.
    """
    _recognised(number)[0].check_number(number)


def _recognised(number: str) -> tuple[FormatKind, str]:
    """The kind that writes numbers of this shape, and the space; MalformedNumberError."""
    for kind in FORMATS.values():
        space = kind.recognise(number)
        if space is not None:
            return kind, space
    raise MalformedNumberError("no format writes numbers of this shape")
