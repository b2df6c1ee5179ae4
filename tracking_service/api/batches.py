"""Batches over HTTP: what a request may say, and how many numbers are written at once.

Media types: JSON, newline-delimited JSON (https://github.com/ndjson/ndjson-spec) and CSV
(https://www.rfc-editor.org/rfc/rfc4180).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from marshmallow import ValidationError, fields, validate

from tracking_service.api import schemas
from tracking_service.api.idempotency import fingerprint_of, key_faults
from tracking_service.api.query import TWICE
from tracking_service.api.schemas import ShipmentRequest, ShipmentSchema, Text, as_request
from tracking_service.api.timestamps import format_moment
from tracking_service.api.validation import load
from tracking_service.services.issue_batch import CHUNK, Batch

COUNT_MOST = 100_000

_THOUSANDTH = Decimal("0.001")


class Weight(Text):
    """A weight as text, or as a JSON number, which is read by its value: 1.2300 is 1.23."""

    def __init__(self) -> None:
        super().__init__(schemas.weight, required=True)
        self.error_messages["invalid"] = "must be a string or a number"

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the weight as text."""
        if isinstance(value, Decimal):
            value = str(_in_thousandths(value))
        return super().deserialize(value, *args, **kwargs)


def _in_thousandths(number: Decimal) -> Decimal | str:
    """A number with at most three decimals, written without trailing zeros; any other as it is."""
    # Bounded first: 1E-999999999 has a billion digits.
    if 0 < number < schemas.WEIGHT_BOUND and number == (rounded := number.quantize(_THOUSANDTH)):
        return f"{rounded.normalize():f}"
    return number


class Count(fields.Integer):
    """How many numbers: a JSON integer. A text, a fraction or a truth value is none; 3.0 is one.

    https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.2
    """

    def __init__(self) -> None:
        message = f"must be a whole number from 1 to {COUNT_MOST}"
        super().__init__(
            strict=True,
            required=True,
            validate=validate.Range(1, COUNT_MOST, error=message),
            error_messages={"required": "is required", "invalid": message, "null": message},
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # Compared before it is converted: 1E+999999999 is an integer of a billion digits.
        if isinstance(value, Decimal) and 1 <= value <= COUNT_MOST and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs)


class BatchSchema(ShipmentSchema):
    """The seven fields of a request for one number, and `count`."""

    weight = Weight()
    count = Count()


_SCHEMA = BatchSchema()


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is used of a valid request for a batch."""

    shipment: ShipmentRequest
    count: int
    key: str | None
    """The idempotency key, if there is one."""
    fingerprint: str
    """The same for the same request, however its JSON was laid out."""


def read_request(body: bytes, key: str | None = None) -> BatchRequest:
    """Read a request for a batch from its JSON and from its idempotency key, if there is one.

    Raises ValidationError as `load` does, with the faults of both.
    """
    faults = key_faults(key)
    try:
        pairs = _read_object(body)
    except ValidationError as error:
        raise ValidationError({**faults, **error.messages_dict}) from None
    data = dict(pairs)
    given = Counter(name for name, _ in pairs)
    # As in a query: nobody can say which of two values is meant. Unknown names may repeat.
    for name in _SCHEMA.load_fields:
        if given[name] > 1:
            faults[name] = [TWICE]
            del data[name]
    loaded = load(_SCHEMA, data, faults)
    known = {name: str(data[name]) for name in _SCHEMA.load_fields if name in data}
    # A series that is not named is the default one, 3.0 is 3 and 1.20 is 1.2: the same request.
    same = {name: loaded[name] for name in ("weight", "series", "count")}
    return BatchRequest(as_request(loaded), loaded["count"], key, fingerprint_of(known | same))


def _number(digits: str) -> Decimal:
    """A JSON number with all its digits; infinity if no Decimal can hold it: no rule accepts either.

    https://docs.python.org/3/library/decimal.html#decimal.MAX_EMAX
    """
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("Infinity")


# An object becomes a tuple of its pairs, so that no name that is given twice is lost. Integers are
# decimals, too: `int` reads 4,300 digits and no more.
_JSON = json.JSONDecoder(object_pairs_hook=tuple, parse_float=_number, parse_int=_number)


def _read_object(body: bytes) -> tuple[tuple[str, Any], ...]:
    """The names and values of a JSON object in UTF-8, or ValidationError for the body as a whole.

    A byte order mark is ignored: https://www.rfc-editor.org/rfc/rfc8259#section-8.1
    """
    try:
        data = _JSON.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValidationError({"": ["the body is not UTF-8"]}) from None
    except RecursionError:
        raise ValidationError({"": ["the body is nested too deeply"]}) from None
    except json.JSONDecodeError as error:
        raise ValidationError({"": [f"the body is not JSON: {error}"]}) from None
    if not isinstance(data, tuple):
        raise ValidationError({"": ["the body must be a JSON object"]})
    return data


def _frame(numbers: bytes, width: int, before: bytes, after: bytes) -> bytes:
    """Put `before` and `after` around each of the numbers, which are `width` bytes each."""
    import numpy as np

    rows = np.frombuffer(numbers, dtype=np.uint8).reshape(-1, width)
    frame = np.frombuffer(before + bytes(width) + after, dtype=np.uint8)
    table = np.tile(frame, (len(rows), 1))
    table[:, len(before) : len(before) + width] = rows
    return table.tobytes()


def as_json(batch: Batch, offset: str) -> Iterator[bytes]:
    """One JSON object, a part at a time."""
    before = b'{"tracking_numbers": ["'
    for chunk in batch.chunks():
        yield before + _frame(chunk, batch.format.width, b"", b'", "')[:-4]
        before = b'", "'
    moment = _moment(batch, offset)
    yield f'"], "created_at": "{moment}", "count": {len(batch)}}}'.encode("ascii")


def as_ndjson(batch: Batch, offset: str) -> Iterator[bytes]:
    """One JSON object a line, each like the answer to a request for one number."""
    after = f'", "created_at": "{_moment(batch, offset)}"}}\n'.encode("ascii")
    for chunk in batch.chunks():
        yield _frame(chunk, batch.format.width, b'{"tracking_number": "', after)


def as_csv(batch: Batch, offset: str) -> Iterator[bytes]:
    """A header line and a line for each number."""
    after = f",{_moment(batch, offset)}\r\n".encode("ascii")
    yield b"tracking_number,created_at\r\n"
    for chunk in batch.chunks():
        yield _frame(chunk, batch.format.width, b"", after)


RENDERINGS: dict[str, Callable[[Batch, str], Iterator[bytes]]] = {
    "application/json": as_json,
    "application/x-ndjson": as_ndjson,
    "text/csv": as_csv,
}


def render(batch: Batch, media_type: str, offset: str) -> bytes | Iterator[bytes]:
    """Write a batch: whole where it is small, a part at a time where it is large."""
    parts = RENDERINGS[media_type](batch, offset)
    # With its length known it needs no chunked coding, and a server can send it with its head in
    # one piece: a process that is killed between two pieces leaves half an answer.
    return b"".join(parts) if len(batch) <= CHUNK else parts


def _moment(batch: Batch, offset: str) -> str:
    return format_moment(int(batch.issued_at.timestamp()), offset)
