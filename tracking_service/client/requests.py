"""The requests that the client sends, one function for each call. Nothing here is sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tracking_service.client.errors import BadRequest, InvalidNumber, Problem
from tracking_service.client.shipment import Shipment

NEXT_NUMBER = "/api/next-tracking-number/"
NUMBERS = "/api/tracking-numbers/"

COUNT_MOST = 100_000
"""The most numbers that the service issues in one batch."""
LONGEST_VALUE = 1000
"""Characters of a parameter. The service takes 255; longer ones might not get to it."""
LONGEST_SEGMENT = 6_900
"""Bytes of a number in a path."""
LONGEST_TARGET = 7_000
"""Bytes of path and query. With method, version and the longest base URL they fit into the request line
of 8 KiB that nginx takes. A server that refuses a longer one does not read the request's id, and so
does not give it back."""
MOST_BYTES = 65_536
"""Bytes of an answer's body: many times what the service sends for one number, or with an error."""
MOST_BYTES_OF_A_BARCODE = 1 << 20
MOST_BYTES_A_NUMBER = 64
"""Bytes of a number in a batch: it takes 20, quoted."""

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
    """The longest body of a good answer that is read, in bytes."""

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
    """Build the request for one number. Raises BadRequest for what cannot be sent."""
    _check_key(idempotency_key)
    parameters = _parameters(shipment, series)
    target = f"{NEXT_NUMBER}?{urlencode(parameters)}"
    if len(target) > LONGEST_TARGET:
        longest = max(parameters, key=lambda name: len(quote(parameters[name])))
        _refuse({longest: f"makes the address longer than {LONGEST_TARGET:,} bytes"})
    return Request(target, idempotency_key=idempotency_key)


def batch(
    shipment: Shipment, count: int, series: str | None = None, *, idempotency_key: str | None
) -> Request:
    """Build the request for `count` numbers. Raises BadRequest for what cannot be sent."""
    _check_key(idempotency_key)
    asked = {"count": count, **_parameters(shipment, series)}
    # Unescaped, the longest values fit into the 64 KiB that the service reads.
    body = json.dumps(asked, ensure_ascii=False).encode()
    most = MOST_BYTES + min(max(0, count), COUNT_MOST) * MOST_BYTES_A_NUMBER
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
        _refuse({"Idempotency-Key": "must be 1 to 255 printable ASCII characters without spaces"})


def _parameters(shipment: Shipment, series: str | None) -> dict[str, str]:
    parameters = shipment.parameters() | ({} if series is None else {"series": series})
    faults = {name: fault for name, value in parameters.items() if (fault := _fault(value))}
    if faults:
        _refuse(faults)
    return parameters


def _fault(value: str) -> str | None:
    """Say why a value cannot be sent. What can be is for the service to judge."""
    if len(value) > LONGEST_VALUE:
        return f"must be at most {LONGEST_VALUE:,} characters"
    return None if _is_text(value) else "has half of a surrogate pair, which is no character"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(faults: Mapping[str, str]) -> None:
    problem = Problem(400, "/problems/invalid-request", errors=tuple(faults.items()))
    message = "; ".join(f"{name} {fault}" for name, fault in faults.items())
    raise BadRequest(message, problem=problem)


def _segment(number: str) -> str:
    # Without a letter or digit, or with a slash, the path would lead to another route.
    sound = len(number) <= LONGEST_VALUE and "/" not in number and _is_text(number)
    segment = quote(number, safe="") if sound else ""
    if not (0 < len(segment) <= LONGEST_SEGMENT and any(map(str.isalnum, number))):
        fault = "is not a tracking number"
        problem = Problem(400, "/problems/malformed-number", errors=(("number", fault),))
        raise InvalidNumber(f"{number[:80]!r} {fault}", problem=problem)
    return segment
