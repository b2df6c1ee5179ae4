"""Every fault of a request at once, because one response lists every fault.

The marshmallow schema finds its own. What a schema cannot know, whether there is such a series and
what its format refuses, is added to that. `query.py` reads a valid GET without any of this.
"""

from collections.abc import Mapping
from typing import Any, cast

from marshmallow import Schema, ValidationError

from tracking_service.api.idempotency import KEY_HEADER
from tracking_service.api.schemas import ShipmentSchema
from tracking_service.auth import Key
from tracking_service.errors import (
    SeriesClosedError,
    ShipmentRefusedError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.numbering.format import Shipment
from tracking_service.services.issue import Issuer

# The order in the OpenAPI document: headers, then the body or the query; "" is the whole body.
_PARAMETERS = (KEY_HEADER, "", *ShipmentSchema().load_fields, "count")
_ORDER = {name: at for at, name in enumerate(_PARAMETERS)}


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
