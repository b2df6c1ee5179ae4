"""A request for a number, read and validated: its query string, and every fault of it at once.

The rules of `schemas.py` validate, and a valid request meets nothing else. At the first fault the
marshmallow schema reads the request once more, because one response lists every fault. What a
schema cannot know, whether there is such a series and what its format refuses, is added to that.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from marshmallow import Schema, ValidationError

from tracking_service.api.idempotency import KEY_HEADER, fingerprint_of, key_faults
from tracking_service.api.query import FieldMemo, parse_query, restore_plus
from tracking_service.api.schemas import ShipmentSchema, Text
from tracking_service.auth import Key
from tracking_service.errors import (
    SeriesClosedError,
    ShipmentRefusedError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.numbering.format import Shipment
from tracking_service.services.issue import Issuer

_SCHEMA = ShipmentSchema()
_KNOWN = frozenset(_SCHEMA.load_fields)
_OPTIONAL = {"series": DEFAULT_SERIES}
_RULES = {name: cast(Text, field).rule for name, field in _SCHEMA.load_fields.items()}
_MEMO = FieldMemo(
    {**_RULES, "created_at": lambda text: _RULES["created_at"](restore_plus(text))},
    defaults=_OPTIONAL,
)
# The order in the OpenAPI document: headers, then the body or the query; "" is the whole body.
_ORDER = {name: at for at, name in enumerate((KEY_HEADER, "", *_SCHEMA.load_fields, "count"))}


class ShipmentRequest(NamedTuple):
    """What is used of a valid request; the rest was checked and is not kept.

    `offset` is that of the request's `created_at`, as `timestamps.read_offset` returns it.
    """

    shipment: Shipment
    series: str
    offset: str


def read_query(query_string: str) -> ShipmentRequest:
    """Read a request for a number from its query string, a character for each byte.

    Raises ValidationError as `load` does.
    """
    valid = _MEMO.read(query_string)
    if valid is not None:
        return as_request(valid)
    values, faults = _parse(query_string)
    return as_request(load(_SCHEMA, values, faults))


def read_keyed_query(query_string: str, key: str) -> tuple[ShipmentRequest, str]:
    """Read a request for a number that has an idempotency key; return it and its fingerprint.

    Raises ValidationError as `load` does, with the faults of the key too.
    """
    values, faults = _parse(query_string)
    request = as_request(load(_SCHEMA, values, {**key_faults(key), **faults}))
    return request, fingerprint_of({**_OPTIONAL, **values})


def _parse(query_string: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    values, faults = parse_query(query_string, _KNOWN)
    if "created_at" in values:
        values["created_at"] = restore_plus(values["created_at"])
    return values, faults


def load(
    schema: Schema, values: Mapping[str, Any], faults: Mapping[str, list[str]]
) -> Mapping[str, Any]:
    """Load `values`; `faults` are those of parameters whose value could not be read.

    Raises ValidationError with every fault of every parameter; its `valid_data` are the values
    that are good.
    """
    found: Mapping[str, list[str]] = {}
    try:
        loaded: dict[str, Any] = schema.load(values)
        if not faults:
            return loaded
    except ValidationError as error:
        found, loaded = error.messages_dict, cast(dict[str, Any], error.valid_data)
    # A parameter whose value could not be read is missing to the schema: its own fault says more
    # than "is required", and a default is not what was asked for.
    valid = {name: value for name, value in loaded.items() if name not in faults}
    raise ValidationError({**found, **faults}, valid_data=valid)


def as_request(loaded: Mapping[str, str]) -> ShipmentRequest:
    """Return what is used of a valid request."""
    return ShipmentRequest(
        Shipment(loaded["origin_country_id"], loaded["destination_country_id"]),
        loaded["series"],
        loaded["created_at"],
    )


def collect_errors(
    found: ValidationError, issuer: Issuer, caller: Key | None = None
) -> ValidationError:
    """Add series errors to schema errors, so that one response lists all, in the document's order.

    `found` is what `load` raised. Spends and leases nothing.
    """
    errors: dict[str, list[str]] = dict(found.messages_dict)
    try:
        if isinstance(found.valid_data, dict) and "series" in found.valid_data:
            _check_series(found.valid_data, issuer, caller)
    except (UnknownSeriesError, SeriesClosedError) as error:
        errors["series"] = [str(error)]
    except ShipmentRefusedError as error:
        errors[error.parameter] = [*errors.get(error.parameter, ()), str(error)]
    except TrackingServiceError:
        # That the request is at fault is certain, whatever has become of the database; and a
        # caller learns nothing of a series that its key is not for.
        pass
    ordered = sorted(errors, key=lambda name: _ORDER.get(name, len(_ORDER)))
    return ValidationError({name: errors[name] for name in ordered})


def _check_series(valid: Mapping[str, Any], issuer: Issuer, caller: Key | None) -> None:
    """Raise what the issuer would of the series, and of the shipment if both countries are good."""
    series = valid["series"]
    if caller is not None:
        caller.check_series(series)
    # Not `Issuer.check`, which would open the series and lease for a request that gets no number.
    number_format = issuer.known_format(series)
    countries = {"origin_country_id", "destination_country_id"}
    if number_format is not None and countries <= valid.keys():
        number_format.check(Shipment(valid["origin_country_id"], valid["destination_country_id"]))
