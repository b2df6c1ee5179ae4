"""Batches over HTTP: what a request may say, and how many numbers are written at once.

Media types: JSON, newline-delimited JSON (https://github.com/ndjson/ndjson-spec) and CSV
(https://www.rfc-editor.org/rfc/rfc4180).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

from tracking_service.api import rules
from tracking_service.api.schemas import ShipmentRequest, ShipmentSchema, Text, as_request
from tracking_service.api.timestamps import write_moment
from tracking_service.batches import CHUNK, Batch, framed

COUNT_MOST = 100_000

KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Weight(Text):
    """A weight as text, or as a JSON number: its digits are read as they were sent."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the weight as text."""
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        return super().deserialize(value, *args, **kwargs)


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

    weight = Weight(rules.weight, required=True)
    count = Count()


_SCHEMA = BatchSchema()


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is used of a valid request for a batch."""

    shipment: ShipmentRequest
    count: int
    fingerprint: str
    """The same for the same request, however its JSON was laid out."""


def read_body(body: bytes) -> BatchRequest:
    """Read a request for a batch from its JSON. Raises ValidationError with every fault."""
    try:
        data = json.loads(body, object_pairs_hook=_each_once, parse_float=Decimal)
    except RecursionError:
        raise ValidationError({"": ["the body is nested too deeply"]}) from None
    except ValueError as error:
        raise ValidationError({"": [f"the body is not JSON: {error}"]}) from None
    if not isinstance(data, dict):
        raise ValidationError({"": ["the body must be a JSON object"]})
    loaded = _SCHEMA.load(data)
    known = {name: str(data[name]) for name in _SCHEMA.load_fields if name in data}
    # A series that is not named is the default one, and 3.0 is 3: the same request.
    canonical = json.dumps(
        known | {"series": loaded["series"], "count": loaded["count"]}, sort_keys=True
    )
    fingerprint = hashlib.sha256(canonical.encode("utf-8")).hexdigest()
    return BatchRequest(as_request(loaded), loaded["count"], fingerprint)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ: of two values for one, nobody could say which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def read_key(key: str | None) -> str | None:
    """The idempotency key, if there is one. Raises ValidationError where it is none."""
    if key is not None and KEY.fullmatch(key) is None:
        raise ValidationError(
            {"Idempotency-Key": ["must be 1 to 255 printable ASCII characters without spaces"]}
        )
    return key


def as_json(batch: Batch, offset: str) -> Iterator[bytes]:
    """One JSON object, a part at a time."""
    before = b'{"tracking_numbers": ["'
    for chunk in batch.chunks():
        yield before + framed(chunk, batch.format.width, b"", b'", "')[:-4]
        before = b'", "'
    moment = _moment(batch, offset)
    yield f'"], "created_at": "{moment}", "count": {len(batch)}}}'.encode("ascii")


def as_ndjson(batch: Batch, offset: str) -> Iterator[bytes]:
    """One JSON object a line, each like the answer to a request for one number."""
    after = f'", "created_at": "{_moment(batch, offset)}"}}\n'.encode("ascii")
    for chunk in batch.chunks():
        yield framed(chunk, batch.format.width, b'{"tracking_number": "', after)


def as_csv(batch: Batch, offset: str) -> Iterator[bytes]:
    """A header line and a line for each number."""
    after = f",{_moment(batch, offset)}\r\n".encode("ascii")
    yield b"tracking_number,created_at\r\n"
    for chunk in batch.chunks():
        yield framed(chunk, batch.format.width, b"", after)


RENDERINGS: dict[str, Callable[[Batch, str], Iterator[bytes]]] = {
    "application/json": as_json,
    "application/x-ndjson": as_ndjson,
    "text/csv": as_csv,
}


def render(batch: Batch, media_type: str, offset: str) -> bytes | Iterator[bytes]:
    """Write a batch: whole where it is small, a part at a time where it is large."""
    parts = RENDERINGS[media_type](batch, offset)
    # With its length known it needs no chunked coding, and a server can send it with its head in
    # one piece. A process that is killed between two leaves half an answer.
    return b"".join(parts) if len(batch) <= CHUNK else parts


def _moment(batch: Batch, offset: str) -> str:
    return write_moment(int(batch.issued_at.timestamp()), offset)
