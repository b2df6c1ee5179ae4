"""What each parameter of a shipment may hold: one small pure function a rule.

A rule takes the text as it was sent and returns the value that is kept. It raises marshmallow's
ValidationError with one line that says what is expected and does not repeat what was sent. Every
pattern is linear in the length of its input, so that no input is slow to refuse.

UUID: https://www.rfc-editor.org/rfc/rfc9562 (section 4, in either case).
"""

import re
import unicodedata

from marshmallow import ValidationError

from tracking_service.countries import COUNTRIES
from tracking_service.instance.number_spaces import SERIES_NAME

WEIGHT_BOUND = 100_000
"""Kilograms that no weight reaches."""

# The OpenAPI document is made from these, so they are written as ECMA-262 reads them too.
# At most five digits ahead of the point are the upper bound; the second branch keeps zero out.
WEIGHT = re.compile(
    r"0*(?:[1-9][0-9]{0,4}(?:\.[0-9]{1,3})?|0\.(?:[1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))"
)
UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
# Category Cc is C0, DEL and C1. Lone surrogates are no characters and cannot be written as UTF-8.
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
# Categories that show nothing by themselves: controls and formats, separators, combining marks.
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
# So do these, whatever their category: fillers, blanks, and what Unicode keeps for more of the kind
# (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point).
_BLANK = re.compile(
    "[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U0001d159\U000e0000-\U000e0fff]"
)
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

TEXT_LENGTH = 255
"""Characters of a name and of a slug, at the most."""


def country(text: str) -> str:
    """An officially assigned ISO 3166-1 alpha-2 code, upper case."""
    if text not in COUNTRIES:
        raise ValidationError(
            "must be an officially assigned ISO 3166-1 alpha-2 country code in upper case,"
            " such as MY"
        )
    return text


def weight(text: str) -> str:
    """Kilograms, in (0, 100000): ASCII digits, optionally a point and one to three digits."""
    if WEIGHT.fullmatch(text) is None:
        raise ValidationError(
            "must be kilograms above 0 and below 100000 with at most three decimals, such as 1.234"
        )
    return text


def customer_id(text: str) -> str:
    """A UUID, hyphenated, in either case."""
    if UUID.fullmatch(text) is None:
        raise ValidationError(
            "must be a hyphenated UUID, such as de619854-b59b-425e-9db4-943979e1bd49"
        )
    return text


def customer_name(text: str) -> str:
    """1 to 255 characters, none of them a control character and one at least visible."""
    if _NAME.fullmatch(text) is None or not _shows(text):
        raise ValidationError(
            "must be 1 to 255 characters without control characters, at least one of them visible"
        )
    return text


def _shows(text: str) -> bool:
    if text.isascii():
        return not text.isspace()
    return any(
        unicodedata.category(character) not in _INVISIBLE and _BLANK.match(character) is None
        for character in text
    )


def customer_slug(text: str) -> str:
    """Kebab-case, at most 255 characters."""
    if len(text) > TEXT_LENGTH or SLUG.fullmatch(text) is None:
        raise ValidationError(
            "must be at most 255 lower-case letters and digits in groups joined by single"
            " hyphens, such as redbox-logistics"
        )
    return text


def series(text: str) -> str:
    """The name of a series. Whether there is one of this name is not known here."""
    if SERIES_NAME.fullmatch(text) is None:
        raise ValidationError(
            "must be a series name of 1 to 32 lower-case letters, digits and hyphens"
        )
    return text
