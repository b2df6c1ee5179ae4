"""The error that an answer without success stands for."""

import json
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from tracking_service.client import errors
from tracking_service.client.answers import UNREADABLE
from tracking_service.client.errors import ClientError, Problem, UnexpectedAnswer

LONGEST_PAUSE = 999_999_999
"""Seconds: what a `Retry-After` is cut to."""


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, request_id: str
) -> ClientError:
    """Return the error that the service's answer stands for. `headers` ignore case."""
    problem = _problem(status, body)
    kind = _BY_TYPE.get(problem.type) or _BY_STATUS.get(status, UnexpectedAnswer)
    return _error(kind, str(problem), problem, headers, request_id)


def read_foreign(status: int, headers: Mapping[str, str], request_id: str) -> ClientError:
    """Return the error for an answer without the request's id: something before the service gave it.

    Only its status is looked at. A success is an UnexpectedAnswer: nobody knows whose numbers it has.
    """
    problem = _without_body(status)
    kind = _BY_PROXY.get(status, UnexpectedAnswer)
    message = f"{problem}: not from the service, which gives X-Request-ID back"
    return _error(kind, message, problem, headers, request_id)


def _error(
    kind: type[ClientError],
    message: str,
    problem: Problem,
    headers: Mapping[str, str],
    request_id: str,
) -> ClientError:
    message = f"{message} (request {request_id})"
    if issubclass(kind, errors.Unavailable):
        retry_after = _seconds(headers.get("Retry-After"), headers.get("Date"))
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
    HTTPStatus.BAD_GATEWAY: errors.Unavailable,
    HTTPStatus.SERVICE_UNAVAILABLE: errors.Unavailable,
    HTTPStatus.GATEWAY_TIMEOUT: errors.Unavailable,
}
# What a proxy may say in its own name. Anything else of its is no answer of the service.
_BY_PROXY: Mapping[int, type[ClientError]] = {
    status: _BY_STATUS[status]
    for status in (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
}
# Where the type says more than the status. A 404 of another type says nothing about a number.
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
    except UNREADABLE:
        return _without_body(status)


def _without_body(status: int) -> Problem:
    # A page for people may be long, and says nothing that the status does not.
    with suppress(ValueError):
        return Problem(status, title=HTTPStatus(status).phrase)
    return Problem(status)


def _seconds(text: str | None, date: str | None) -> float | None:
    """Return a Retry-After in seconds. As a date it counts from the answer's own Date.

    So both are of one clock; without a Date it is not read.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:12]), LONGEST_PAUSE))
    if date is None:
        return None
    try:
        seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_PAUSE)
