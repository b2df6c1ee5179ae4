"""The requests that the client sends, one function for each call. Nothing here is sent."""

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tracking_service.client.errors import BadRequest, InvalidNumber, Problem
from tracking_service.client.shipment import Shipment

NEXT_NUMBER = "/api/next-tracking-number/"
NUMBERS = "/api/tracking-numbers/"

MOST_BYTES = 65_536
"""Of an answer's body: many times what the service sends for one number, or with an error."""
MOST_BYTES_OF_A_BARCODE = 1 << 20
MOST_BYTES_A_NUMBER = 64
"""Of a batch: a number takes 20, quoted."""

_is_key = re.compile(r"[\x21-\x7e]{1,255}").fullmatch
"""The service's rule for a key; the client imports nothing of the service's."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `target` is its path and query."""

    target: str
    accept: str = "application/json"
    body: bytes | None = None
    """The JSON of a POST; None makes it a GET."""
    idempotency_key: str | None = None
    most_bytes: int = MOST_BYTES
    """More than so much of a good answer's body is not read."""

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    def headers(self) -> dict[str, str]:
        """Return the headers that are the request's own."""
        # Answers are not unpacked: what is small on the way could fill the memory.
        headers = {"Accept": self.accept, "Accept-Encoding": "identity"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        return headers


def next_number(
    shipment: Shipment, series: str | None = None, *, idempotency_key: str | None = None
) -> Request:
    """Build the request for one number. Raises BadRequest for a key that cannot be sent."""
    _check_key(idempotency_key)
    query = urlencode(_parameters(shipment, series))
    return Request(f"{NEXT_NUMBER}?{query}", idempotency_key=idempotency_key)


def batch(
    shipment: Shipment, count: int, series: str | None = None, *, idempotency_key: str | None
) -> Request:
    """Build the request for `count` numbers. Raises BadRequest for a key that cannot be sent."""
    _check_key(idempotency_key)
    body = json.dumps({"count": count, **_parameters(shipment, series)}).encode()
    most = MOST_BYTES + max(0, count) * MOST_BYTES_A_NUMBER
    return Request(NUMBERS, body=body, idempotency_key=idempotency_key, most_bytes=most)


def verify(number: str) -> Request:
    """Build the request that asks what is known of a number. Raises InvalidNumber."""
    return Request(NUMBERS + _segment(number))


def barcode(number: str) -> Request:
    """Build the request for a number's barcode. Raises InvalidNumber."""
    return Request(
        f"{NUMBERS}{_segment(number)}/barcode.svg",
        accept="image/svg+xml",
        most_bytes=MOST_BYTES_OF_A_BARCODE,
    )


def _check_key(key: str | None) -> None:
    # No header carries such a key: the call would fail as if no instance had answered.
    if key is not None and _is_key(key) is None:
        fault = "must be 1 to 255 printable ASCII characters without spaces"
        problem = Problem(400, "/problems/invalid-request", errors=(("Idempotency-Key", fault),))
        raise BadRequest(f"Idempotency-Key {fault}", problem=problem)


def _parameters(shipment: Shipment, series: str | None) -> dict[str, str]:
    return shipment.parameters() | ({} if series is None else {"series": series})


def _segment(number: str) -> str:
    # Without a letter or digit, or with a slash, the path would lead to another route.
    if "/" in number or not any(map(str.isalnum, number)):
        fault = "is not a tracking number"
        problem = Problem(400, "/problems/malformed-number", errors=(("number", fault),))
        raise InvalidNumber(f"{number!r} {fault}", problem=problem)
    return quote(number, safe="")
