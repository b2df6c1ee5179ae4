"""An export is JSON Lines: a heading, a line for each row of each table, and two that end it.

    {"format": …, "schema": the migration's revision, "name": …}
    {"table": …, "row": {column: value, …}}
    {"rows": {table: how many}, "sha256": of all lines before}
    {"sealed": the heading's name}

Bytes are in base64, moments in RFC 3339. https://jsonlines.org/
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from tracking_service.errors import ExportError
from tracking_service.store.models import Base, UtcDateTime

FORMAT = "tracking-service export 2"

ROWS = 1000
"""Rows read or written by one statement, so that none reaches the time-out."""

ANSWER_SECONDS = 60.0
"""How long the database may take for one answer; the whole transfer may take longer."""

Row = dict[str, Any]


class Writer:
    """Writes lines, and counts and hashes them for the line after the rows."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self.counts = dict.fromkeys(tables(), 0)

    def heading(self, *, schema: str, name: str) -> None:
        self._line({"format": FORMAT, "schema": schema, "name": name})

    def row(self, table: str, row: Mapping[str, Any]) -> None:
        self.counts[table] += 1
        self._line({"table": table, "row": dict(row)})

    def end_rows(self) -> None:
        self._line({"rows": self.counts, "sha256": self._digest.hexdigest()})

    def sealed(self, name: str) -> None:
        """Write the last line."""
        self._line({"sealed": name})

    def _line(self, fact: Mapping[str, Any]) -> None:
        line = json.dumps(fact, separators=(",", ":"), default=_format_value) + "\n"
        self._digest.update(line.encode())
        self._write(line)


class Reader:
    """Reads an export. Every method raises ExportError, with the number of the line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._number = 0
        self._digest = hashlib.sha256()
        self._counts = dict.fromkeys(tables(), 0)
        self._name: object = None

    def heading(self, schema: str) -> None:
        """Read the first line, of an export from a database with this schema."""
        fact = self._fact()
        if fact is None or fact.get("format") != FORMAT:
            raise ExportError("this is not an export of this version of the service")
        if fact.get("schema") != schema:
            raise ExportError(
                f"the export's schema is {fact.get('schema')!r} and this version needs {schema}:"
                " export and import with the same version"
            )
        self._name = fact.get("name")

    def rows(self) -> Iterator[tuple[Table, Row]]:
        """Read the rows, and the lines that end a complete export."""
        known = tables()
        digest = self._digest.hexdigest()
        while (fact := self._fact()) is not None:
            if "rows" in fact:
                break
            table = known.get(str(fact.get("table")))
            if table is None or not isinstance(fact.get("row"), dict):
                raise self.damaged("it is no row of a known table")
            yield table, self._row(table, fact["row"])
            self._counts[table.name] += 1
            digest = self._digest.hexdigest()
        else:
            raise _not_whole()
        if fact.get("rows") != self._counts or fact.get("sha256") != digest:
            raise ExportError("the export is damaged: its lines are not those that it was made of")
        if self._fact() != {"sealed": self._name} or self._fact() is not None:
            raise _not_whole()

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of each table were read."""
        return dict(self._counts)

    def damaged(self, what: str) -> ExportError:
        """The error for a fault of the last line that was read."""
        return ExportError(f"the export is damaged in line {self._number}: {what}")

    def _fact(self) -> Row | None:
        line = next(self._lines, None)
        if line is None:
            return None
        self._number += 1
        self._digest.update(line.encode())
        try:
            fact = json.loads(line)
        except (ValueError, RecursionError):
            fact = None
        if not isinstance(fact, dict):
            raise self.damaged("it is no JSON object")
        return fact

    def _row(self, table: Table, row: Row) -> Row:
        if row.keys() != set(table.c.keys()):
            raise self.damaged(f"it has not the columns of {table.name}")
        return {column.name: self._value(table, column, row[column.name]) for column in table.c}

    def _value(self, table: Table, column: Column[Any], value: Any) -> Any:
        try:
            if value is None and column.nullable:
                return None
            return _parse_value(column, value)
        except (ValueError, TypeError) as error:
            what = f"{column.name} of this row of {table.name} is not possible"
            raise self.damaged(what) from error


def tables() -> dict[str, Table]:
    """Every table by its name, referenced tables first."""
    return {table.name: table for table in Base.metadata.sorted_tables}


def _format_value(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} in an export")


def _parse_value(column: Column[Any], value: Any) -> Any:
    """The value of a column. Raises ValueError or TypeError."""
    kind = column.type
    if isinstance(kind, Integer):
        most = 2**63 - 1 if isinstance(kind, BigInteger) else 2**31 - 1
        if type(value) is not int or not column.primary_key <= value <= most:
            raise ValueError("not an integer in range")
    elif isinstance(kind, LargeBinary):
        return base64.b64decode(value, validate=True)
    elif isinstance(kind, UtcDateTime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment without an offset")
        return moment
    elif isinstance(kind, String):
        if not isinstance(value, str) or "\0" in value or len(value) > (kind.length or 0):
            raise ValueError("not a text, or too long")
    elif value is None:
        raise ValueError("null")
    return value


def _not_whole() -> ExportError:
    return ExportError("the export is not whole: its last line does not say that it sealed")
