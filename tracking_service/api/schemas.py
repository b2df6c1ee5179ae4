"""The parameters of a shipment: a rule for each, the marshmallow schema, and what is used of them.

The rules validate. A rule takes the text of a parameter and returns its value. It raises
marshmallow's ValidationError with one line that says what is expected and does not repeat the text.
Every pattern takes time linear in the length of its input. The schema declares the parameters, and
collects all errors.

UUID: https://www.rfc-editor.org/rfc/rfc9562 (section 4, in either case).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing
from marshmallow.types import ErrorMessages

from tracking_service.api import timestamps
from tracking_service.countries import COUNTRIES
from tracking_service.instance.number_spaces import DEFAULT_SERIES, SERIES_NAME
from tracking_service.numbering.format import Shipment

WEIGHT_BOUND = 100_000
"""Kilograms; every weight is below."""

TEXT_LENGTH = 255
"""Greatest number of characters of a name and of a slug."""

# The OpenAPI document has these patterns too, so they are written as ECMA-262 reads them.
# At most five digits ahead of the point are the upper bound; the second branch keeps zero out.
WEIGHT = re.compile(
    r"0*(?:[1-9][0-9]{0,4}(?:\.[0-9]{1,3})?|0\.(?:[1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))"
)
UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Category Cc is C0, DEL and C1. Lone surrogates are no characters and cannot be written as UTF-8.
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
# Categories that show nothing by themselves: controls and formats, separators, combining marks.
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"})
# These show nothing either: fillers, blanks, and code points that Unicode reserves for more
# (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point).
_BLANK = re.compile(
    "[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U0001d159\U000e0000-\U000e0fff]"
)


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
    if _NAME.fullmatch(text) is None or not _has_visible(text):
        raise ValidationError(
            "must be 1 to 255 characters without control characters, at least one of them visible"
        )
    return text


def _has_visible(text: str) -> bool:
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


_MESSAGES: ErrorMessages = {
    "required": "is required",
    "invalid": "must be a string",
    "empty": "must not be empty",
}


class Text(fields.String):
    """A parameter that one rule reads.

    Marshmallow's own `deserialize` composes a field's validators again in each call, which costs
    more than all the rules together. A rule checks and converts at once.
    """

    def __init__(self, rule: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(error_messages=_MESSAGES, **kwargs)
        self.rule = rule

    def deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        """Return what the rule makes of `value`. Raises ValidationError."""
        if value is missing:
            if self.required:
                raise self.make_error("required")
            return self.load_default
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not value:
            raise self.make_error("empty")
        return self.rule(value)


class ShipmentSchema(Schema):
    """The parameters of a request for a number, in the order of errors in an answer."""

    class Meta:
        """Unknown parameters are ignored."""

        unknown = EXCLUDE

    origin_country_id = Text(country, required=True)
    destination_country_id = Text(country, required=True)
    weight = Text(weight, required=True)
    created_at = Text(timestamps.read_offset, required=True)
    customer_id = Text(customer_id, required=True)
    customer_name = Text(customer_name, required=True)
    customer_slug = Text(customer_slug, required=True)
    series = Text(series, load_default=DEFAULT_SERIES)


class ShipmentRequest(NamedTuple):
    """What is used of a valid request; the rest was checked and is not kept.

    `offset` is that of the request's `created_at`, as `timestamps.read_offset` returns it.
    """

    shipment: Shipment
    series: str
    offset: str


def as_request(loaded: Mapping[str, str]) -> ShipmentRequest:
    """Return what is used of a valid request."""
    return ShipmentRequest(
        Shipment(loaded["origin_country_id"], loaded["destination_country_id"]),
        loaded["series"],
        loaded["created_at"],
    )
