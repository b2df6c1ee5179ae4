"""How errors read in the document: their examples are what the table of problems makes of them."""

from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from marshmallow import ValidationError
from werkzeug.exceptions import (
    InternalServerError,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from tracking_service import errors
from tracking_service.api.health import not_ready_problem
from tracking_service.api.problems import CONTENT_TYPE, Problem, body_of, problem_of
from tracking_service.api.routes import EncodedBody
from tracking_service.services.readiness import Readiness

INVALID: list[Exception] = [
    ValidationError(
        {
            "origin_country_id": ["must not be given more than once"],
            "customer_slug": ["is required"],
        }
    ),
    errors.UnknownSeriesError("nowhere"),
    errors.ShipmentRefusedError("origin_country_id", "must be MY: the series is that country's"),
]
NO_NUMBER: list[Exception] = [
    errors.ReserveEmptyError(),
    errors.SeriesExhaustedError("series exhausted: my-post has no serials left"),
    errors.ShuttingDownError(),
]
DATABASE_AWAY: list[Exception] = [errors.StoreUnavailableError()]
BATCH: list[Exception] = [
    ValidationError(
        {
            "Idempotency-Key": ["must be 1 to 255 printable ASCII characters without spaces"],
            "count": ["must be a whole number from 1 to 100000"],
        }
    ),
    NotAcceptable("A batch can be had as application/json, application/x-ndjson, text/csv."),
    RequestEntityTooLarge(),
    UnsupportedMediaType("A batch is asked for with a body of application/json."),
    EncodedBody(),
    errors.BatchKeyReusedError(),
]
PREFETCH: list[Exception] = [errors.SpeculativeRequestError()]
KEYS: list[Exception] = [
    errors.MissingTokenError(),
    errors.InvalidTokenError(),
    errors.MissingScopeError(),
    errors.KeysUnavailableError(),
]
SERIES_KEYS: list[Exception] = [*KEYS, errors.ForeignSeriesError()]
NUMBER: list[Exception] = [
    errors.CheckCharacterError("the check character of MYIDBEP6D2FH5S2N is wrong"),
    errors.CheckCharacterError(
        "the check character of MYIDBEP6D2FH5S2N is wrong", typing_error=True
    ),
    errors.MalformedNumberError("a tracking number has 13 or 16 letters and digits"),
    errors.NotIssuedError(),
]
NOT_READY = Readiness(
    False, "the database cannot be reached, and no serials are left in memory", 0.0, "away"
)

_HEADERS = {"Retry-After": "RetryAfter", "WWW-Authenticate": "Challenge"}


def responses(*groups: Sequence[Exception]) -> dict[str, Any]:
    """The error answers of an operation that may raise these, and 500, by status."""
    found = [problem_of(error) for group in groups for error in group]
    return _by_status([*found, problem_of(InternalServerError())])


def not_ready() -> dict[str, Any]:
    """The error answers of /readyz."""
    return _by_status([not_ready_problem(NOT_READY), problem_of(InternalServerError())])


def _by_status(found: list[Problem]) -> dict[str, Any]:
    grouped: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in found:
        grouped[problem.status].append(problem)
    return {str(status): _response(grouped[status]) for status in sorted(grouped)}


def _response(found: list[Problem]) -> dict[str, Any]:
    status = HTTPStatus(found[0].status)
    examples: dict[str, Any] = {}
    for problem in found:
        name = problem.type.rpartition("/")[2].replace(":", "-")
        if name in examples:
            name += f"-{len(examples) + 1}"
        examples[name] = {"summary": problem.title, "value": body_of(problem)}
    response: dict[str, Any] = {
        "description": f"{status.phrase}.",
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": examples,
            }
        },
    }
    headers = {
        name: {"$ref": f"#/components/headers/{component}"}
        for name, component in _HEADERS.items()
        if all(name in dict(problem.headers) for problem in found)
    }
    return {**response, "headers": headers} if headers else response
