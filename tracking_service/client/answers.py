"""What the service answers: the records of good answers.

Everything is checked before it is handed out: what looks like an answer may come from elsewhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tracking_service.client.errors import UnexpectedAnswer

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading JSON that is not as expected raises: RecursionError for brackets nested too deep."""

_are_numbers = re.compile(r"[A-Z0-9]{1,16}(?: [A-Z0-9]{1,16})*").fullmatch


@dataclass(frozen=True, slots=True)
class IssuedNumber:
    """One new tracking number."""

    tracking_number: str
    created_at: datetime
    """When it was issued, in the offset of the shipment's `created_at`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tracking numbers that were issued together."""

    tracking_numbers: tuple[str, ...]
    created_at: datetime
    idempotency_key: str | None
    """Asking with this key again gives the same numbers."""


@dataclass(frozen=True, slots=True)
class VerifiedNumber:
    """What the service knows of a tracking number."""

    tracking_number: str
    """As it is written on labels, however it was typed."""
    series: str
    origin_country_id: str | None
    destination_country_id: str | None
    status: str
    """`issued`, or `reserved`: it may have been handed out."""
    leased_at: datetime


def read_number(body: bytes) -> IssuedNumber:
    """Read the answer to a request for one number. Raises UnexpectedAnswer, as all of these do."""
    try:
        data = json.loads(body)
        return IssuedNumber(_numbers([data["tracking_number"]])[0], _moment(data["created_at"]))
    except UNREADABLE as error:
        raise _unexpected(body) from error


def read_batch(body: bytes, count: int, idempotency_key: str | None) -> Batch:
    """Read the answer to a request for `count` numbers: all of them, each once."""
    try:
        data = json.loads(body)
        numbers = _numbers(data["tracking_numbers"])
        created_at = _moment(data["created_at"])
        stated = data["count"]
    except UNREADABLE as error:
        raise _unexpected(body) from error
    found = len(set(numbers))
    if not (type(stated) is int and stated == found == len(numbers) == count):
        raise UnexpectedAnswer(f"the answer has {found} numbers instead of {count}")
    return Batch(numbers, created_at, idempotency_key)


def read_verified(body: bytes) -> VerifiedNumber:
    """Read what is known of a number."""
    try:
        data = json.loads(body)
        return VerifiedNumber(
            tracking_number=_numbers([data["tracking_number"]])[0],
            series=_text(data["series"]),
            origin_country_id=_text_or_none(data.get("origin_country_id")),
            destination_country_id=_text_or_none(data.get("destination_country_id")),
            status=_text(data["status"]),
            leased_at=_moment(data["leased_at"]),
        )
    except UNREADABLE as error:
        raise _unexpected(body) from error


def read_barcode(body: bytes) -> str:
    """Read a barcode: an SVG document."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _unexpected(body) from error
    # Both ends: no scanner reads a barcode that was cut off.
    if "<svg" not in text or not text.rstrip().endswith("</svg>"):
        raise _unexpected(body)
    return text


def may_be_cut_off(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body that cannot be read may have lost its end. `headers` ignore case.

    If an answer has a length or comes in chunks, the HTTP library notices, and raises an error. An
    answer with neither ends with its connection, whatever ended that. But JSON and SVG show whether
    they are whole.
    """
    if "Content-Length" in headers or "Transfer-Encoding" in headers:
        return False
    begun = not body or body.startswith((b"{", b"<svg"))
    return begun and not body.rstrip().endswith((b"}", b"</svg>"))


def _numbers(values: Any) -> tuple[str, ...]:
    if type(values) is not list:
        # A text would be taken for its characters, an object for its names.
        raise TypeError("this is not a list of numbers")
    # All at once: that is several times faster, and a buffer reads a million of them.
    joined = " ".join(values)
    if _are_numbers(joined) is None or joined.count(" ") != len(values) - 1:
        raise ValueError("not all of these are tracking numbers")
    return tuple(values)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("this is not a text")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() is None:
        raise ValueError(f"no offset: {value}")
    return moment


def _unexpected(body: bytes) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"this is not an answer of the tracking number service: {body[:80]!r}")
