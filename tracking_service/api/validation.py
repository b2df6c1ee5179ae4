"""A request for a number, read and validated: its query string, and every fault of it at once.

The rules of `schemas.py` validate, and a valid request meets nothing else. At the first fault the
marshmallow schema reads the request once more, because one response tells of every fault. What a
schema cannot know, whether there is such a series and what its format refuses, is added to that.

A query string is application/x-www-form-urlencoded
(https://url.spec.whatwg.org/#urlencoded-parsing), read more strictly than usual parsers do, which
silently replace bytes that are not UTF-8 and keep one of two values.
"""

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from marshmallow import Schema, ValidationError

from tracking_service.api.idempotency import KEY_HEADER, fingerprint_of, key_faults
from tracking_service.api.schemas import ShipmentSchema, Text
from tracking_service.errors import (
    ShipmentRefusedError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.numbering.format import Shipment

if TYPE_CHECKING:
    from tracking_service.auth import Key
    from tracking_service.services.issue import Issuer

TWICE = "must not be given more than once"
"""The fault of a parameter with two values: either may be meant."""

_SCHEMA = ShipmentSchema()
_KNOWN = frozenset(_SCHEMA.load_fields)
_RULES = tuple((name, cast(Text, field).rule) for name, field in _SCHEMA.load_fields.items())
_DEFAULTS = {"series": DEFAULT_SERIES}
# As the document has them: headers, then the body or the query. "" is the body as a whole.
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
    values, faults = parse_query(query_string, _KNOWN)
    if "created_at" in values:
        values["created_at"] = restore_plus(values["created_at"])
    if faults:
        return as_request(load(_SCHEMA, values, faults))
    given = {**_DEFAULTS, **values}
    try:
        return as_request({name: rule(given[name]) for name, rule in _RULES})
    except (KeyError, ValidationError):
        return as_request(load(_SCHEMA, values, {}))


def read_keyed_query(query_string: str, key: str) -> tuple[ShipmentRequest, str]:
    """Read a request for a number that has an idempotency key; return it and its fingerprint.

    Raises ValidationError as `load` does, with the faults of the key too.
    """
    values, faults = parse_query(query_string, _KNOWN)
    if "created_at" in values:
        values["created_at"] = restore_plus(values["created_at"])
    request = as_request(load(_SCHEMA, values, {**key_faults(key), **faults}))
    return request, fingerprint_of({**_DEFAULTS, **values})


def parse_query(
    query_string: str, known: Container[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the values of the known parameters, and the faults of those that have none to trust.

    The query has a character for each byte, as in Latin-1. Names are case-sensitive; those not in
    `known`, which have no space in them, are ignored, however many there are: the server bounds
    the query's length, and so the work. A parameter is in one of the two results, or in neither
    if it was not sent. A `%` that begins no escape stays as it is.
    """
    values: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for field in query_string.split("&"):
        name, _, value = field.partition("=")
        if name not in known:
            # Only an escape can hide a known name: a `+` would be a space.
            if "%" not in name:
                continue
            name = _unescape(name).decode(errors="replace")
            if name not in known:
                continue
        if name in values or name in faults:
            values.pop(name, None)
            faults[name] = [TWICE]
            continue
        if "%" in value or "+" in value or not value.isascii():
            try:
                value = _unescape(value).decode()
            except UnicodeDecodeError:
                faults[name] = ["must be UTF-8, percent-encoded"]
                continue
        values[name] = value
    return values, faults


def restore_plus(timestamp: str) -> str:
    """Return a timestamp with the space before its offset read as `+`.

    A `+` stands for a space in a query string, so that an offset typed as it is, `+08:00`,
    arrives as ` 08:00`.
    """
    if timestamp[-6:-5] == " ":
        return f"{timestamp[:-6]}+{timestamp[-5:]}"
    return timestamp


def _unescape(latin_1: str) -> bytes:
    return unquote_to_bytes(latin_1.replace("+", " ").encode("latin-1"))


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
    found: ValidationError, issuer: "Issuer", caller: "Key | None" = None
) -> ValidationError:
    """Add series errors to schema errors, so that one response lists all, in the document's order.

    `found` is what `load` raised. Spends and leases nothing.
    """
    errors: dict[str, list[str]] = dict(found.messages_dict)
    try:
        if isinstance(found.valid_data, dict) and "series" in found.valid_data:
            _check_series(found.valid_data, issuer, caller)
    except UnknownSeriesError as error:
        errors["series"] = [str(error)]
    except ShipmentRefusedError as error:
        errors[error.parameter] = [*errors.get(error.parameter, ()), str(error)]
    except TrackingServiceError:
        # That the request is at fault is certain, whatever has become of the database; and a
        # caller learns nothing of a series that its key is not for.
        pass
    ordered = sorted(errors, key=lambda name: _ORDER.get(name, len(_ORDER)))
    return ValidationError({name: errors[name] for name in ordered})


def _check_series(valid: Mapping[str, Any], issuer: "Issuer", caller: "Key | None") -> None:
    """Raise what the issuer would of the series, and of the shipment if both countries are good."""
    series = valid["series"]
    if caller is not None:
        caller.check_series(series)
    # Not `Issuer.check`, which would open the series and lease for a request that gets no number.
    written = issuer.known_format(series)
    if written is not None and {"origin_country_id", "destination_country_id"} <= valid.keys():
        written.check(Shipment(valid["origin_country_id"], valid["destination_country_id"]))
