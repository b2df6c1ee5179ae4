"""What the service answers: the records of good answers, and the error that a bad one stands for."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tracking_service.client import errors
from tracking_service.client.errors import ClientError, Problem, UnexpectedAnswer

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
        return IssuedNumber(_number(data["tracking_number"]), _moment(data["created_at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _unexpected(body) from error


def read_batch(body: bytes, count: int, idempotency_key: str | None) -> Batch:
    """Read the answer to a request for `count` numbers: all of them, each once."""
    try:
        data = json.loads(body)
        numbers = _numbers(data["tracking_numbers"])
        created_at = _moment(data["created_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unexpected(body) from error
    if not len(numbers) == len(set(numbers)) == count:
        raise UnexpectedAnswer(f"the answer has {len(set(numbers))} numbers instead of {count}")
    return Batch(numbers, created_at, idempotency_key)


def read_verified(body: bytes) -> VerifiedNumber:
    """Read what is known of a number."""
    try:
        data = json.loads(body)
        return VerifiedNumber(
            tracking_number=_number(data["tracking_number"]),
            series=data["series"],
            origin_country_id=data.get("origin_country_id"),
            destination_country_id=data.get("destination_country_id"),
            status=data["status"],
            leased_at=_moment(data["leased_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unexpected(body) from error


def read_barcode(body: bytes) -> str:
    """Read a barcode: an SVG document."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _unexpected(body) from error
    if "<svg" not in text:
        raise _unexpected(body)
    return text


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, request_id: str
) -> ClientError:
    """Return the error that an answer without success stands for. `headers` ignore case."""
    problem = _problem(status, body)
    kind = _BY_TYPE.get(problem.type) or _BY_STATUS.get(status, UnexpectedAnswer)
    message = f"{problem} (request {request_id})"
    if issubclass(kind, errors.Unavailable):
        retry_after = _seconds(headers.get("Retry-After"))
        return kind(message, problem=problem, request_id=request_id, retry_after=retry_after)
    return kind(message, problem=problem, request_id=request_id)


_BY_STATUS: Mapping[int, type[ClientError]] = {
    HTTPStatus.BAD_REQUEST: errors.BadRequest,
    HTTPStatus.UNAUTHORIZED: errors.Unauthorized,
    HTTPStatus.FORBIDDEN: errors.Forbidden,
    HTTPStatus.REQUEST_TIMEOUT: errors.Unavailable,
    HTTPStatus.CONFLICT: errors.RequestInProgress,
    HTTPStatus.UNPROCESSABLE_ENTITY: errors.IdempotencyKeyReused,
    HTTPStatus.TOO_MANY_REQUESTS: errors.Unavailable,
    # These three may come from a proxy.
    HTTPStatus.BAD_GATEWAY: errors.Unavailable,
    HTTPStatus.SERVICE_UNAVAILABLE: errors.Unavailable,
    HTTPStatus.GATEWAY_TIMEOUT: errors.Unavailable,
}
# Where the type tells more than the status. A 404 of another type is no word about a number.
_BY_TYPE: Mapping[str, type[ClientError]] = {
    "/problems/malformed-number": errors.InvalidNumber,
    "/problems/wrong-check-character": errors.InvalidNumber,
    "/problems/unknown-number": errors.UnknownNumber,
    "/problems/database-unavailable": errors.DatabaseUnavailable,
    "/problems/series-exhausted": errors.SeriesExhausted,
}


def _problem(status: int, body: bytes) -> Problem:
    try:
        data: Any = json.loads(body)
        return Problem(
            status,
            str(data["type"]),
            str(data["title"]),
            str(data["detail"]),
            tuple((str(e["parameter"]), str(e["message"])) for e in data.get("errors", ())),
            data.get("likely_typo") is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # A proxy's page. It may be long, and says nothing that the status does not.
        with suppress(ValueError):
            return Problem(status, title=HTTPStatus(status).phrase)
        return Problem(status)


def _number(value: str) -> str:
    return _numbers([value])[0]


def _numbers(values: list[str]) -> tuple[str, ...]:
    # All at once: that is several times faster, and a buffer reads a million of them.
    joined = " ".join(values)
    if _are_numbers(joined) is None or joined.count(" ") != len(values) - 1:
        raise ValueError("not all of these are tracking numbers")
    return tuple(values)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() is None:
        raise ValueError(f"no offset: {value}")
    return moment


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds. Its other form, a date, depends on two clocks and is not read."""
    return float(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else None


def _unexpected(body: bytes) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"this is not an answer of the tracking number service: {body[:80]!r}")
