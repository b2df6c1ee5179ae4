"""From a query string to the bytes of the answer, without a web framework.

This is the one implementation of "valid request -> number -> JSON". Whoever speaks HTTP in front
of it adds `JSON_HEADERS` to what it returns. A query string has a character for each byte, as WSGI
has it.
"""

from time import time
from typing import TYPE_CHECKING

from marshmallow import ValidationError

from tracking_service.api.schemas import read_query
from tracking_service.api.timestamps import written_moment
from tracking_service.api.validation import every_fault

if TYPE_CHECKING:
    from tracking_service.auth import Key
    from tracking_service.services.issue import Issuer

# Data, not a page: a browser that is led here is to guess no other type, to load and frame nothing,
# and to lend it to no other site. https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
CAUTION_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
JSON_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    *CAUTION_HEADERS,
)


def issue_from_query(query_string: str, issuer: "Issuer", caller: "Key | None" = None) -> bytes:
    """Issue one number for the request in `query_string` and return the JSON body of its answer.

    Raises ValidationError with every fault of the request, ForeignSeriesError where the caller's
    key is for other series, and what `Issuer.issue` raises.
    """
    try:
        request = read_query(query_string)
    except ValidationError as found:
        raise every_fault(found, issuer, caller) from None
    if caller is not None:
        caller.check_series(request.series)
    number = issuer.issue(request.shipment, request.series)
    # The moment of issue is taken after it: the issue may have waited for a lease.
    moment = written_moment(int(time()), request.offset)
    # Nothing to escape: the number is [A-Z0-9], the moment digits and punctuation.
    return f'{{"tracking_number": "{number}", "created_at": "{moment}"}}'.encode("ascii")


def check_query(query_string: str, issuer: "Issuer", caller: "Key | None" = None) -> None:
    """Raise what `issue_from_query` would of this request, and spend no serial."""
    try:
        request = read_query(query_string)
    except ValidationError as found:
        raise every_fault(found, issuer, caller) from None
    if caller is not None:
        caller.check_series(request.series)
    issuer.check(request.shipment, request.series)
