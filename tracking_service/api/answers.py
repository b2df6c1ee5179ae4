"""From the bytes of a query string to the bytes of the answer, without a web framework.

This is the one implementation of "valid request -> number -> JSON". Whoever speaks HTTP in front
of it adds `JSON_HEADERS` to what it returns.
"""

from time import time
from typing import TYPE_CHECKING

from tracking_service.api.schemas import read_query
from tracking_service.api.timestamps import written_moment

if TYPE_CHECKING:
    from tracking_service.issuing import Issuer

JSON_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


def issue_from_query(query_string: bytes, issuer: "Issuer") -> bytes:
    """Issue one number for the request in `query_string` and return the JSON body of its answer.

    Raises ValidationError with every fault of the request, and what `Issuer.issue` raises.
    """
    request = read_query(query_string)
    number = issuer.issue(request.shipment, request.series)
    # The moment of issue is taken after it: the issue may have waited for a lease.
    moment = written_moment(int(time()), request.offset)
    # Nothing to escape: the number is [A-Z0-9], the moment digits and punctuation.
    return f'{{"tracking_number": "{number}", "created_at": "{moment}"}}'.encode("ascii")


def check_query(query_string: bytes, issuer: "Issuer") -> None:
    """Raise what `issue_from_query` would of this request, and spend no serial."""
    request = read_query(query_string)
    issuer.check(request.shipment, request.series)
