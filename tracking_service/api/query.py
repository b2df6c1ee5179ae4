"""Reads a request for a number from its query string: strictly, and fast where it is valid.

A valid request meets the rules of `schemas.py` and nothing else, and a field that was valid in a
request before not even those. A request with a fault is read once more, for all of its faults.

A query string is application/x-www-form-urlencoded
(https://url.spec.whatwg.org/#urlencoded-parsing), read more strictly than usual parsers do, which
silently replace bytes that are not UTF-8 and keep one of two values.
"""

from collections.abc import Callable, Container, Mapping
from typing import cast
from urllib.parse import unquote_to_bytes

from marshmallow import ValidationError

from tracking_service.api.idempotency import fingerprint_of, key_faults
from tracking_service.api.schemas import ShipmentRequest, ShipmentSchema, Text, as_request
from tracking_service.api.validation import load
from tracking_service.instance.number_spaces import DEFAULT_SERIES

TWICE = "must not be given more than once"
"""The fault of a parameter with two values: either may be meant."""

FIELDS_MOST = 8_192
"""Fields that a memo keeps at most."""

FIELD_LENGTH_MOST = 256
"""Characters of a field that a memo keeps. So a memo takes no more than some 5 MB."""


class FieldMemo:
    """Reads valid requests, and remembers what each valid field of a query string means.

    Callers send the same countries, customers and series again and again. A field that was
    unescaped and validated once, `customer_id=...` as it was sent, costs one look-up from then on.
    `read` judges no fault: for a request with one it returns None, and `parse_query` and the
    schema say what it is.

    A memo that is full is emptied: what is asked for often is soon there again. Threads share one
    without a lock, for each of its operations is a single one of a dict.
    """

    def __init__(
        self, rules: Mapping[str, Callable[[str], str]], *, defaults: Mapping[str, str]
    ) -> None:
        """`rules` validate the parameters by name; those with one of `defaults` may be left out."""
        self._rules = rules
        self._defaults = defaults
        self._known: dict[str, tuple[str, str]] = {}

    def read(self, query_string: str) -> dict[str, str] | None:
        """Return the valid value of every parameter, or None if anything at all is odd."""
        known, rules = self._known, self._rules
        values: dict[str, str] = {}
        ignored = 0
        fields = query_string.split("&")
        try:
            for field in fields:
                meaning = known.get(field)
                if meaning is None:
                    name, _, value = field.partition("=")
                    if name not in rules:
                        if "%" in name:
                            # An escape may hide a known name.
                            return None
                        ignored += 1
                        continue
                    if "%" in value or "+" in value or not value.isascii():
                        value = unescape(value).decode()
                    meaning = name, rules[name](value)
                    if len(field) <= FIELD_LENGTH_MOST:
                        if len(known) >= FIELDS_MOST:
                            known.clear()
                        known[field] = meaning
                values[meaning[0]] = meaning[1]
        except (ValidationError, UnicodeDecodeError):
            return None
        if len(values) + ignored != len(fields):
            # A name was given twice.
            return None
        return values if len(values) == len(rules) else self._with_defaults(values)

    def _with_defaults(self, values: dict[str, str]) -> dict[str, str] | None:
        values = {**self._defaults, **values}
        return values if len(values) == len(self._rules) else None


def parse_query(
    query_string: str, known: Container[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the values of the known parameters, and the faults of those that have none to trust.

    The query has a character for each byte, as in Latin-1. Names are case-sensitive; those not in
    `known`, which have no space in them, are ignored, however many there are: the server bounds
    the query's length, and so the work. A parameter is in one of the two results, or in neither
    if it was not sent. A `%` that begins no escape stays as it is.
    """
    values: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for field in query_string.split("&"):
        name, _, value = field.partition("=")
        if name not in known:
            # Only an escape can hide a known name: a `+` would be a space.
            if "%" not in name:
                continue
            name = unescape(name).decode(errors="replace")
            if name not in known:
                continue
        if name in values or name in faults:
            values.pop(name, None)
            faults[name] = [TWICE]
            continue
        if "%" in value or "+" in value or not value.isascii():
            try:
                value = unescape(value).decode()
            except UnicodeDecodeError:
                faults[name] = ["must be UTF-8, percent-encoded"]
                continue
        values[name] = value
    return values, faults


def restore_plus(timestamp: str) -> str:
    """Return a timestamp with the space before its offset read as `+`.

    A `+` stands for a space in a query string, so that an offset typed as it is, `+08:00`,
    arrives as ` 08:00`.
    """
    if timestamp[-6:-5] == " ":
        return f"{timestamp[:-6]}+{timestamp[-5:]}"
    return timestamp


def unescape(latin_1: str) -> bytes:
    """Return the bytes that a name or a value of a query string stands for."""
    return unquote_to_bytes(latin_1.replace("+", " ").encode("latin-1"))


_SCHEMA = ShipmentSchema()
_KNOWN = frozenset(_SCHEMA.load_fields)
_OPTIONAL = {"series": DEFAULT_SERIES}
_RULES = {name: cast(Text, field).rule for name, field in _SCHEMA.load_fields.items()}
_MEMO = FieldMemo(
    {**_RULES, "created_at": lambda text: _RULES["created_at"](restore_plus(text))},
    defaults=_OPTIONAL,
)


def read_query(query_string: str) -> ShipmentRequest:
    """Read a request for a number from its query string, a character for each byte.

    Raises ValidationError as `load` does.
    """
    valid = _MEMO.read(query_string)
    if valid is not None:
        return as_request(valid)
    values, faults = _parse(query_string)
    return as_request(load(_SCHEMA, values, faults))


def read_keyed_query(query_string: str, key: str) -> tuple[ShipmentRequest, str]:
    """Read a request for a number that has an idempotency key; return it and its fingerprint.

    Raises ValidationError as `load` does, with the faults of the key too.
    """
    values, faults = _parse(query_string)
    request = as_request(load(_SCHEMA, values, {**key_faults(key), **faults}))
    return request, fingerprint_of({**_OPTIONAL, **values})


def _parse(query_string: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    values, faults = parse_query(query_string, _KNOWN)
    if "created_at" in values:
        values["created_at"] = restore_plus(values["created_at"])
    return values, faults
