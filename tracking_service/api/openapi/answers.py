"""What the answers hold, as marshmallow schemas: for the document alone, nothing is dumped by them.

Where an answer and its schema part, the document lies: the tests read every answer against it.
"""

from typing import Any

from marshmallow import Schema, fields, validate

NUMBER_PATTERN = "^[A-Z0-9]{1,16}$"
MOMENT = "2026-11-24T21:05:07+08:00"
MOMENT_UTC = "2026-11-24T13:05:07Z"
NUMBER = "MYIDBEP6D2FH5S2M"
STATUS = {
    "instance": "alpha:4711:9f86d081",
    "version": "0.1.0",
    "ready": True,
    "reason": None,
    "database": "up",
    "series": [
        {
            "name": "default",
            "rate": 12.5,
            "serials": 19_988,
            "reserve_seconds": 1599.0,
            "remaining": 9_999_999_980_000,
            "blocks": [{"start": 12, "end": 20_000}],
        }
    ],
    "leases": [
        {
            "id": 1,
            "series": "default",
            "start": 0,
            "end": 20_000,
            "state": "leased",
            "instance": "alpha:4711:9f86d081",
            "leased_at": MOMENT_UTC,
        }
    ],
    "leases_at": MOMENT_UTC,
}


def _text(description: str, example: Any = None, **metadata: Any) -> fields.String:
    described = {"description": description, **metadata}
    if example is not None:
        described["examples"] = [example]
    return fields.String(required=True, metadata=described)


def _number() -> fields.String:
    return _text("Letters and digits; never handed out twice.", NUMBER, pattern=NUMBER_PATTERN)


def _moment(description: str, example: str = MOMENT_UTC, **options: Any) -> fields.String:
    metadata = {"description": description, "format": "date-time", "examples": [example]}
    return fields.String(required=True, metadata=metadata, **options)


def _count(description: str, **options: Any) -> fields.Integer:
    at_least_none = validate.Range(min=0)
    metadata = {"description": description}
    return fields.Integer(required=True, validate=at_least_none, metadata=metadata, **options)


def _seconds(description: str) -> fields.Float:
    return fields.Float(
        required=True,
        allow_none=True,
        validate=validate.Range(min=0),
        metadata={"description": description},
    )


def _choice(description: str, *values: str) -> fields.String:
    return fields.String(
        required=True, validate=validate.OneOf(values), metadata={"description": description}
    )


_ISSUED_AT = "The moment of issue, in the offset of the request's created_at."
_LASTS = "Seconds that the reserve lasts at the present rate; null where nobody asks."


class Number(Schema):
    """One tracking number."""

    tracking_number = _number()
    created_at = _moment(_ISSUED_AT, MOMENT)


class Numbers(Schema):
    """Numbers that were issued together."""

    tracking_numbers = fields.List(
        _number(), required=True, validate=validate.Length(min=1, max=100_000)
    )
    created_at = _moment(_ISSUED_AT, MOMENT)
    count = _count("How many numbers these are.")


class Verified(Schema):
    """What is known of a number."""

    tracking_number = _number()
    series = _text("The series that it belongs to.", "default")
    origin_country_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Null where the format has none."}
    )
    destination_country_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Null where the format has none."}
    )
    status = _choice(
        "`issued`, or `reserved` where how far its block was spent is not known.",
        "issued",
        "reserved",
    )
    leased_at = _moment("When its block was leased.")


class Health(Schema):
    """The process answers."""

    status = _choice("Always `ok`.", "ok")


_DATABASE = ("Whether the database answers, as far as is known.", "up", "away", "unknown")


class Ready(Schema):
    """The instance can issue numbers."""

    status = _choice("Always `ready`.", "ready")
    database = _choice(*_DATABASE)
    reserve_seconds = _seconds(_LASTS)
    reason = fields.String(metadata={"description": "What an operator should know all the same."})


class Range(Schema):
    """Serials [start, end)."""

    start = _count("The first serial.")
    end = _count("The serial behind the last.")


class Held(Schema):
    """What the instance holds of one series."""

    name = _text("The series' name.", "default")
    rate = fields.Float(
        required=True,
        validate=validate.Range(min=0),
        metadata={"description": "Numbers a second, of late."},
    )
    serials = _count("Serials in memory.")
    reserve_seconds = _seconds(_LASTS)
    remaining = _count("Serials that no lease has taken; null before a lease.", allow_none=True)
    blocks = fields.List(fields.Nested(Range), required=True)


class Leased(Range):
    """One lease, of any instance."""

    id = _count("The block's number.")
    series = _text("The series' name.", "default")
    state = _choice("What became of it.", "leased", "spent", "returned", "skipped")
    instance = _text("Who leased it: host, process id and a random part.", "alpha:4711:9f86d081")
    leased_at = _moment("When.")


class Status(Schema):
    """An instance and its fleet."""

    instance = _text("This process: host, process id and a random part.", "alpha:4711:9f86d081")
    version = _text("The version that runs.", "0.1.0")
    ready = fields.Boolean(required=True, metadata={"description": "Whether it can issue now."})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why not, or what an operator should know."},
    )
    database = _choice(*_DATABASE)
    series = fields.List(fields.Nested(Held), required=True)
    leases = fields.List(
        fields.Nested(Leased),
        required=True,
        metadata={"description": "The last leases of all instances, the newest first."},
    )
    leases_at = _moment(
        "When the leases were read; null where the database has not been read yet.",
        allow_none=True,
    )


class Fault(Schema):
    """One fault of a request."""

    parameter = fields.String(
        required=True, metadata={"description": "Its name; empty for the body as a whole."}
    )
    message = _text("What is expected of it.")


class ProblemDetails(Schema):
    """An error, by RFC 9457."""

    type = _text("Names the kind of problem, for programs.", format="uri-reference")
    title = _text("The kind of problem, for people.")
    status = fields.Integer(
        required=True,
        validate=validate.Range(400, 599),
        metadata={"description": "The status of the answer."},
    )
    detail = _text("What is wrong this time.")
    errors = fields.List(
        fields.Nested(Fault), metadata={"description": "Every fault of the request."}
    )
    typing_error = fields.Boolean(
        metadata={"description": "Whether one slip of the hand would explain a wrong number."}
    )
    database = fields.String(
        validate=validate.OneOf(_DATABASE[1:]), metadata={"description": _DATABASE[0]}
    )
    reserve_seconds = fields.Float(allow_none=True, metadata={"description": _LASTS})
