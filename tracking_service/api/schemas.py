"""What a request for a tracking number says: the marshmallow schema, built once, and its result."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing
from marshmallow.types import ErrorMessages

from tracking_service.api import query, rules, timestamps
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.numbering.format import Shipment

_MESSAGES: ErrorMessages = {
    "required": "is required",
    "invalid": "must be a string",
    "empty": "must not be empty",
}


class ShipmentRequest(NamedTuple):
    """What is used of a valid request; the rest was checked and is not kept.

    `offset` is that of the request's `created_at`, as `timestamps.read_offset` returns it.
    """

    shipment: Shipment
    series: str
    offset: str


class Text(fields.String):
    """A parameter that one rule reads.

    Marshmallow's own `deserialize` composes a field's validators anew in each call, which costs
    more than all the rules together. A rule checks and converts at once, so nothing is left over
    for validators, and this takes the short way: missing, not a text, empty, or up to the rule.
    """

    def __init__(self, rule: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(error_messages=_MESSAGES, **kwargs)
        self.rule = rule

    def deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        """Return what the rule makes of `value`; raise ValidationError where it is at fault."""
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
    """The parameters of a request for a number, in the order in which faults are told."""

    class Meta:
        """Parameters that are not known are ignored."""

        unknown = EXCLUDE

    origin_country_id = Text(rules.country, required=True)
    destination_country_id = Text(rules.country, required=True)
    weight = Text(rules.weight, required=True)
    created_at = Text(timestamps.read_offset, required=True)
    customer_id = Text(rules.customer_id, required=True)
    customer_name = Text(rules.customer_name, required=True)
    customer_slug = Text(rules.customer_slug, required=True)
    series = Text(rules.series, load_default=DEFAULT_SERIES)


_SCHEMA = ShipmentSchema()
_KNOWN = frozenset(_SCHEMA.load_fields)
_RULES = tuple((name, cast(Text, field).rule) for name, field in _SCHEMA.load_fields.items())
_DEFAULTS = {"series": DEFAULT_SERIES}


def read_query(query_string: str) -> ShipmentRequest:
    """Read a request for a number from its query string, a character for each byte.

    Raises ValidationError as `load` does.
    """
    values, faults = query.parse(query_string, _KNOWN)
    if "created_at" in values:
        values["created_at"] = query.restore_plus(values["created_at"])
    return as_request(load(_SCHEMA, values, faults) if faults else _load_quickly(values))


def _load_quickly(values: dict[str, str]) -> Mapping[str, str]:
    """As `load`, and in half of its time where nothing is at fault.

    Marshmallow keeps books on faults, which costs more than the rules of all fields together. So
    the rules are asked one after the other; at the first fault the schema reads it all, and tells
    of every one.
    """
    given = {**_DEFAULTS, **values}
    try:
        return {name: rule(given[name]) for name, rule in _RULES}
    except (KeyError, ValidationError):
        return load(_SCHEMA, values, {})


def load(
    schema: Schema, values: Mapping[str, Any], faults: Mapping[str, list[str]]
) -> Mapping[str, Any]:
    """Load `values` beside the faults of those parameters whose value could not be read.

    Raises ValidationError with every fault of every parameter; its `valid_data` are the values
    that are good.
    """
    told: Mapping[str, list[str]] = {}
    try:
        loaded: dict[str, Any] = schema.load(values)
        if not faults:
            return loaded
    except ValidationError as error:
        told, loaded = error.messages_dict, cast(dict[str, Any], error.valid_data)
    # A parameter whose value could not be read is missing to the schema: its own fault says more
    # than "is required", and a default is not what was asked for.
    valid = {name: value for name, value in loaded.items() if name not in faults}
    raise ValidationError({**told, **faults}, valid_data=valid)


def as_request(loaded: Mapping[str, str]) -> ShipmentRequest:
    """What is used of what the schema loaded."""
    return ShipmentRequest(
        Shipment(loaded["origin_country_id"], loaded["destination_country_id"]),
        loaded["series"],
        loaded["created_at"],
    )
