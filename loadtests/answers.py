"""What an answer of the service must be like; each function says what is wrong, or None.

Knows nothing of Locust, so that the tests can plant a fault and see it found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tracking_service.client import BadRequest, ClientError
from tracking_service.errors import NumberError
from tracking_service.numbering import Pattern
from tracking_service.numbering.builtin import FORMER_ROUTED, ROUTED

CLOCKS_APART = timedelta(seconds=60)
"""How far the clocks of a caller and a server may be apart."""

_SHAPE = re.compile(r"[A-Z0-9]{16}")


class Seen:
    """Every number that any user got. One process sees all: Locust's users are its threads."""

    def __init__(self) -> None:
        self._numbers: set[str] = set()
        self.repeats: list[str] = []

    def add(self, numbers: Iterable[str]) -> str | None:
        """Take note of numbers; say which one came before."""
        fault = None
        for number in numbers:
            if number in self._numbers:
                self.repeats.append(number)
                fault = f"{number} was given twice"
            self._numbers.add(number)
        return fault

    def __len__(self) -> int:
        return len(self._numbers)


def number_fault(number: object, request: Mapping[str, str]) -> str | None:
    """Of a number for this request: its shape, its lane and its check character."""
    if not isinstance(number, str) or not _SHAPE.fullmatch(number):
        return f"not 16 letters and digits: {number!r}"
    if number[:4] != request["origin_country_id"] + request["destination_country_id"]:
        return f"not of this lane: {number}"
    # The second is that of a database which the first version made.
    if not any(_is_number_of(pattern, number) for pattern in (ROUTED, FORMER_ROUTED)):
        return f"{number}: its check character does not match"
    return None


def _is_number_of(pattern: Pattern, number: str) -> bool:
    try:
        pattern.check_number(number)
    except NumberError:
        return False
    return True


def moment_fault(text: object, request: Mapping[str, str], now: datetime) -> str | None:
    """Of the moment of issue: in the request's offset, and about now."""
    try:
        moment = datetime.fromisoformat(str(text))
        offset = datetime.fromisoformat(request["created_at"]).utcoffset()
    except ValueError:
        return f"created_at is no moment: {text!r}"
    if moment.utcoffset() != offset:
        return f"created_at is not in the request's offset: {text!r}"
    if abs(moment - now) > CLOCKS_APART:
        return f"created_at is not now: {text!r}"
    return None


def refusal_fault(error: ClientError | None, parameter: str) -> str | None:
    """Of what a bad request raised: a BadRequest, from problem+json, that names the parameter."""
    if error is None:
        return f"a bad {parameter} was not refused"
    if not isinstance(error, BadRequest):
        return f"a bad {parameter} was answered with {error!r}"
    named = list(error.errors)
    return None if parameter in named else f"a bad {parameter} is not named: {named}"
