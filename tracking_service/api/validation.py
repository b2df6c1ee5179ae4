"""Every fault of a request at once: those that the schema finds, and those that the series knows.

A schema cannot know which series there are, nor what the format of one refuses. Of a request that
is valid the issuer finds that out. Of one that is at fault it is looked up here, so that whoever
mends the request mends it once; both ways in, and batches, ask the same `every_fault`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from tracking_service.api.schemas import ShipmentSchema
from tracking_service.errors import (
    ShipmentRefusedError,
    TrackingServiceError,
    UnknownSeriesError,
)
from tracking_service.numbering.format import Shipment

if TYPE_CHECKING:
    from tracking_service.auth import Key
    from tracking_service.services.issue import Issuer

KEY_HEADER = "Idempotency-Key"

# As the document has them: headers, then the body or the query. "" is the body as a whole.
_ORDER = (KEY_HEADER, "", *ShipmentSchema().load_fields, "count")
_PLACES = {name: place for place, name in enumerate(_ORDER)}


def every_fault(
    found: ValidationError, issuer: "Issuer", caller: "Key | None" = None
) -> ValidationError:
    """What `schemas.load` found, and the series' fault if there is one, as they are documented.

    Spends and leases nothing.
    """
    told: dict[str, list[str]] = dict(found.messages_dict)
    try:
        if isinstance(found.valid_data, dict) and "series" in found.valid_data:
            _check_series(found.valid_data, issuer, caller)
    except UnknownSeriesError as error:
        told["series"] = [str(error)]
    except ShipmentRefusedError as error:
        told[error.parameter] = [*told.get(error.parameter, ()), str(error)]
    except TrackingServiceError:
        # That the request is at fault is certain, whatever has become of the database; and a
        # caller learns nothing of a series that its key is not for.
        pass
    ordered = sorted(told, key=lambda name: _PLACES.get(name, len(_PLACES)))
    return ValidationError({name: told[name] for name in ordered})


def _check_series(valid: Mapping[str, Any], issuer: "Issuer", caller: "Key | None") -> None:
    """Raise what the issuer would of the series, and of the shipment where it is known whole."""
    series = valid["series"]
    if caller is not None:
        caller.check_series(series)
    # Not `Issuer.check`, which would open the series and lease for a request that gets no number.
    written = issuer.known_format(series)
    if written is not None and {"origin_country_id", "destination_country_id"} <= valid.keys():
        written.check(Shipment(valid["origin_country_id"], valid["destination_country_id"]))
