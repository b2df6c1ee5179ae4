"""How a field of a request reads in JSON Schema: from the very patterns that validate it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from tracking_service.api import rules, timestamps
from tracking_service.api.batches import BatchSchema, Weight
from tracking_service.api.schemas import Text
from tracking_service.countries import COUNTRIES
from tracking_service.instance.number_spaces import SERIES_NAME

COUNTRY = {
    "type": "string",
    "title": "CountryCode",
    "description": "ISO 3166-1 alpha-2, officially assigned, upper case.",
    "enum": sorted(COUNTRIES),
}


def whole(pattern: re.Pattern[str]) -> str:
    """A pattern that must match all of a text: JSON Schema looks for it anywhere."""
    return f"^(?:{pattern.pattern})$"


# By the rule that reads the field: a rule without a line here is a KeyError, not a bare string.
TEXTS: Mapping[Callable[[str], str], Mapping[str, Any]] = {
    rules.weight: {
        "description": "Kilograms, above 0 and below 100000, at most three decimals.",
        "pattern": whole(rules.WEIGHT),
        "examples": ["1.234"],
    },
    timestamps.read_offset: {
        "description": (
            "RFC 3339 with an offset, which the answer's created_at is written in. In a query"
            " string, a raw `+` is understood."
        ),
        "format": "date-time",
        "pattern": whole(timestamps.DATE_TIME),
        "examples": ["2018-11-20T19:29:32+08:00"],
    },
    rules.customer_id: {
        "description": "A UUID, hyphenated.",
        "format": "uuid",
        "pattern": whole(rules.UUID),
        "examples": ["de619854-b59b-425e-9db4-943979e1bd49"],
    },
    rules.customer_name: {
        "description": "1 to 255 characters, no control characters, one visible at the least.",
        "minLength": 1,
        "maxLength": rules.TEXT_LENGTH,
        # A lone surrogate, which the rule refuses too, cannot be sent as UTF-8.
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
        "examples": ["RedBox Logistics"],
    },
    rules.customer_slug: {
        "description": "Kebab-case: lower-case letters and digits, single hyphens between.",
        "minLength": 1,
        "maxLength": rules.TEXT_LENGTH,
        "pattern": whole(rules.SLUG),
        "examples": ["redbox-logistics"],
    },
    rules.series: {
        "description": "A series that exists, `default` if none is named; another is an error.",
        "pattern": whole(SERIES_NAME),
        "examples": ["default"],
    },
}

COUNTRY_EXAMPLES = {"origin_country_id": "MY", "destination_country_id": "ID"}


class Converter(OpenAPIConverter):
    """Knows the fields that rules read."""

    def field2property(self, field: fields.Field[Any]) -> dict[str, Any]:
        """The JSON Schema of a field."""
        if not isinstance(field, Text):
            return super().field2property(field)
        if field.rule is rules.country:
            # A component of its own, so that a generated client has one enumeration.
            return {"$ref": "#/components/schemas/CountryCode"}
        text = {"type": "string", **TEXTS[field.rule]}
        if isinstance(field.load_default, str) and not isinstance(field.parent, BatchSchema):
            # Not in a body: generators take a property with a default for one that is required.
            text["default"] = field.load_default
        if not isinstance(field, Weight):
            return text
        described = {name: text.pop(name) for name in ("description", "examples")}
        number = {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": rules.WEIGHT_BOUND,
            "multipleOf": 0.001,
        }
        return {**described, "anyOf": [text, number]}


class Plugin(MarshmallowPlugin):
    """Apispec's plugin with this converter."""

    Converter = Converter
