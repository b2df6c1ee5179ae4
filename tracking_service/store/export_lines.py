"""How an export is written: a line of JSON for each row, and back.

https://jsonlines.org/
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Table
from sqlalchemy.types import TypeEngine

from tracking_service.errors import ExportError
from tracking_service.store.models import UtcDateTime

Row = dict[str, Any]


def line(fact: Mapping[str, Any]) -> str:
    """A fact as one line; bytes in base64, moments in RFC 3339."""
    return json.dumps(fact, separators=(",", ":"), default=_written) + "\n"


def read(text: str) -> dict[str, Any]:
    """The fact of a line, or ExportError."""
    try:
        fact = json.loads(text)
    except ValueError:
        fact = None
    if not isinstance(fact, dict):
        raise ExportError("the export is damaged: a line is no JSON object")
    return fact


def _written(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} in an export")


def parsed(table: Table, row: Row) -> Row:
    """A row as the database takes it. Raises ExportError."""
    if row.keys() != set(table.c.keys()):
        raise ExportError(f"the export is damaged: a row of {table.name} has other columns")
    try:
        return {name: _value(table.c[name].type, row[name]) for name in row}
    except (ValueError, TypeError) as error:
        raise ExportError(f"the export is damaged: a row of {table.name}") from error


def _value(kind: TypeEngine[Any], written: Any) -> Any:
    if written is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(written, validate=True)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(written)
    return written
