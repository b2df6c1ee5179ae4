"""Every error as problem details: a table from error class to status, and the rendering.

A `type` is a path that names the kind of problem and never changes; there need be no page. Errors
that say no more than their HTTP status have `about:blank`, as the standard says.

Standard: https://www.rfc-editor.org/rfc/rfc9457
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError

from tracking_service import errors
from tracking_service.api.responses import CAUTION_HEADERS

CONTENT_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. `detail` None: the error's own message is public.

    `retry_after` is in seconds; None: a retry does not help, or the error has its own.
    """

    status: int
    slug: str
    title: str
    detail: str | None = None
    retry_after: int | None = None
    challenge: str | None = None
    """The value of WWW-Authenticate (RFC 6750, section 3)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The contents of a problem+json answer; `members` are further members of its body."""

    status: int
    type: str
    title: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()


INVALID_REQUEST = Kind(400, "invalid-request", "The request is not valid")
NOT_READY = Kind(503, "not-ready", "This instance cannot issue numbers now", retry_after=1)

_BEARER = 'Bearer realm="tracking-service"'
_FORBIDDEN = f'{_BEARER}, error="insufficient_scope"'

# Looked up along the error's class and its bases; the nearest counts. All others are a 500.
# Errors of the store and of the reserve have a text here, so that no host, address or driver's
# message is shown.
KINDS: dict[type[Exception], Kind] = {
    ValidationError: INVALID_REQUEST,
    errors.UnknownSeriesError: INVALID_REQUEST,
    errors.ShipmentRefusedError: INVALID_REQUEST,
    errors.NumberError: Kind(400, "malformed-number", "Not a tracking number"),
    errors.CheckCharacterError: Kind(
        400, "wrong-check-character", "The check character does not match"
    ),
    errors.NotIssuedError: Kind(
        404, "unknown-number", "Unknown tracking number", "No such tracking number was issued."
    ),
    errors.BatchKeyReusedError: Kind(
        422,
        "idempotency-key-reused",
        "The idempotency key belongs to another request",
        "This Idempotency-Key was used with another request; use a new one.",
    ),
    errors.AllocationError: Kind(
        503,
        "no-number-now",
        "No number can be given now",
        "This instance has no serials left and could not get more in time; try again.",
        retry_after=1,
    ),
    # Only an operator can mend it, so that an early retry does not help.
    errors.SeriesExhaustedError: Kind(503, "series-exhausted", "Series exhausted", None, 3600),
    # As if there were no such series: that request never gets a number.
    errors.SeriesClosedError: INVALID_REQUEST,
    errors.ShuttingDownError: Kind(
        503,
        "shutting-down",
        "This instance is shutting down",
        "This instance gives no more numbers; try again, another one may answer.",
        retry_after=1,
    ),
    errors.SpeculativeRequestError: Kind(403, "prefetch", "No number is issued to a prefetch"),
    errors.MissingTokenError: Kind(
        401,
        "token-missing",
        "A token is needed",
        "Send a token as `Authorization: Bearer …`.",
        challenge=_BEARER,
    ),
    errors.InvalidTokenError: Kind(
        401,
        "token-invalid",
        "The token is not valid",
        challenge=f'{_BEARER}, error="invalid_token"',
    ),
    errors.MissingScopeError: Kind(
        403, "scope-missing", "The key is not for this", challenge=_FORBIDDEN
    ),
    errors.SeriesNotAllowedError: Kind(
        403, "series-not-allowed", "The key is for other series", challenge=_FORBIDDEN
    ),
    errors.KeysUnavailableError: Kind(
        503,
        "keys-unavailable",
        "The token cannot be looked up now",
        "This token is not known here and cannot be looked up now; try again.",
        retry_after=1,
    ),
    errors.StoreUnavailableError: Kind(
        503,
        "database-unavailable",
        "The database cannot be reached",
        "The database cannot be reached or did not answer in time; try again.",
        retry_after=5,
    ),
    # The database answers and cannot do it: its disk is full, its schema is missing.
    errors.StoreError: Kind(
        503,
        "database-failed",
        "The database cannot be used",
        "The database cannot do what this needs, as this instance's log says; try again later.",
        retry_after=30,
    ),
}


def problem_for(error: Exception) -> Problem:
    """Return the problem of an error that ends a request; log an unexpected error."""
    problem = problem_of(error)
    # An HTTPException of 500 is intended, or Flask has logged its cause.
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, HTTPException):
        # Not the path, which the caller chooses.
        log.error("unexpected error while answering", exc_info=error)
    elif problem.type == f"/problems/{KINDS[errors.StoreError].slug}":
        log.error("the database failed while answering", extra={"error": str(error)})
    return problem


def problem_of(error: Exception) -> Problem:
    """Return the public problem of an error; a 500 without details if it is not in the table."""
    if isinstance(error, HTTPException):
        return _http_problem(error)
    for cls in type(error).__mro__:
        kind = KINDS.get(cls)
        if kind is not None:
            return _known_problem(error, kind)
    return _http_problem(InternalServerError())


def render(problem: Problem) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status line, headers and body of a problem's response."""
    body = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    headers = [
        ("Content-Type", CONTENT_TYPE),
        ("Cache-Control", "no-store"),
        *CAUTION_HEADERS,
        *problem.headers,
    ]
    status = f"{problem.status} {HTTPStatus(problem.status).phrase}"
    return status, headers, json.dumps(body, allow_nan=False).encode()


def problem_of_kind(kind: Kind, detail: str, **members: Any) -> Problem:
    """Return a problem of a kind without an error class, or with another detail."""
    retry_after = kind.retry_after
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    if kind.challenge is not None:
        headers = (*headers, ("WWW-Authenticate", kind.challenge))
    return Problem(kind.status, f"/problems/{kind.slug}", kind.title, detail, members, headers)


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    # A server error's text may be for operators: only the class's text is public.
    source = type(error) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else error
    headers = tuple(
        (name, value) for name, value in error.get_headers() if name.lower() != "content-type"
    )
    return Problem(
        status, "about:blank", error.name, source.description or error.name, headers=headers
    )


def _known_problem(error: Exception, kind: Kind) -> Problem:
    detail = kind.detail or str(error)
    faults: list[tuple[str, str]] = []
    members: dict[str, Any] = {}
    match error:
        case ValidationError():
            faults = [
                (parameter, message)
                for parameter, messages in error.messages_dict.items()
                for message in messages
            ]
            detail = _summary(faults)
        case errors.UnknownSeriesError() | errors.SeriesClosedError():
            faults = [("series", detail)]
        case errors.ShipmentRefusedError():
            faults = [(error.parameter, detail)]
        case errors.MalformedNumberError() | errors.CheckCharacterError():
            if error.likely_typo is not None:
                members["likely_typo"] = error.likely_typo
            if error.likely_typo:
                detail = (
                    f"{detail.removesuffix('.')}. It looks like a typo: changing one"
                    " character, or swapping two neighbours, would mend it."
                )
        case errors.ReserveEmptyError():
            kind = replace(kind, retry_after=max(1, error.retry_after))
    if isinstance(error, errors.NumberError) and kind.status == HTTPStatus.BAD_REQUEST:
        faults = [("number", detail)]
    if faults:
        members["errors"] = [
            {"parameter": parameter, "message": message} for parameter, message in faults
        ]
    return problem_of_kind(kind, detail, **members)


def _summary(faults: list[tuple[str, str]]) -> str:
    if len(faults) == 1:
        return " ".join(faults[0]).strip()
    return f"{len(faults)} faults: {', '.join(parameter or 'the body' for parameter, _ in faults)}"
