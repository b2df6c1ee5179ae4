"""The use case's other half: a tracking number back to its series, serial and block.

No table of numbers exists. The number's shape names its space, the space's format decodes the
serial, the serial lies in one series' range, and one indexed look-up finds its block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tracking_service.errors import (
    CheckCharacterError,
    MalformedNumberError,
    NotIssuedError,
    NumberError,
    StoreError,
)
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import (
    Decoded,
    check_number,
    compact,
    looks_like_typing_error,
    space_of,
)
from tracking_service.records import LeasedBlock, SeriesRecord


@dataclass(frozen=True, slots=True)
class TracedNumber:
    """All that is known of a number; for operators, as it names serial, block and instance."""

    number: str
    series: str
    decoded: Decoded
    block: LeasedBlock


@dataclass(frozen=True, slots=True)
class VerifiedNumber:
    """What a client may know of a number."""

    tracking_number: str
    series: str
    origin_country_id: str | None
    destination_country_id: str | None
    status: Literal["issued", "reserved"]
    leased_at: datetime


class Verifier:
    """Reads numbers back. Its methods may be called from any number of threads.

    `block_of(series, serial)` finds the block that a serial lies in, as `BlockReader.holding`, and
    may raise StoreError. `has_spent(series, serial, instance)` says whether the instance of that
    name is this one, and has handed the serial out.
    """

    def __init__(
        self,
        spaces: NumberSpaces,
        block_of: Callable[[str, int], LeasedBlock | None],
        has_spent: Callable[[str, int, str], bool],
    ) -> None:
        self._spaces = spaces
        self._block_of = block_of
        self._has_spent = has_spent

    def verify(self, text: str) -> VerifiedNumber:
        """Say what may be known of a number, as people type it.

        Raises MalformedNumberError, CheckCharacterError (which knows whether it looks like a
        typing error), NotIssuedError for a number that was not issued, and StoreError, such as
        KeyChangedError.
        """
        traced = self.trace(text)
        block = traced.block
        issued = block.state == "spent" or (
            block.state == "leased"
            and self._has_spent(traced.series, traced.decoded.serial, block.instance)
        )
        return VerifiedNumber(
            traced.number,
            traced.series,
            traced.decoded.origin,
            traced.decoded.destination,
            "issued" if issued else "reserved",
            block.leased_at,
        )

    def read(self, text: str) -> str:
        """Return a number as it is printed, if its shape and its check character are right.

        Asks no database, and says nothing of whether the number was issued. Raises
        MalformedNumberError and CheckCharacterError.
        """
        number = compact(text)
        check_number(number)
        return number

    def trace(self, text: str) -> TracedNumber:
        """Find a number's serial and block. Raises as `verify` does."""
        try:
            return self._find(compact(text))
        except (MalformedNumberError, CheckCharacterError) as error:
            likely_typo = looks_like_typing_error(text, _Leased(self._spaces))
            raise type(error)(str(error), likely_typo=likely_typo) from None

    def _find(self, number: str) -> TracedNumber:
        # First of all: what is no number under any key is so without a database.
        check_number(number)
        members = self._spaces.series_in(space_of(number))
        if not members:
            raise NotIssuedError
        decoded = self._spaces.get(members[0]).format.decode(number)
        for series in members:
            if series.first_serial <= decoded.serial < series.next_serial:
                block = self._block_of(series.name, decoded.serial)
                # A tail that was handed back has not been issued: it is for others to lease.
                if block is not None and block.state != "returned":
                    return TracedNumber(number, series.name, decoded, block)
        raise NotIssuedError


class _Leased:
    """Tells of a number whether its serial has been leased, by the series' counters alone.

    They are read once, and not before a number has a shape and a check character that are right.
    """

    def __init__(self, spaces: NumberSpaces) -> None:
        self._spaces = spaces
        self._series: Sequence[SeriesRecord] | None = None

    def __call__(self, number: str) -> bool:
        try:
            check_number(number)
            return any(self._holds(series, number) for series in self._in(space_of(number)))
        except (NumberError, StoreError):
            # That the first number is wrong is certain; the hint may be missing.
            return False

    def _in(self, space: str) -> Sequence[SeriesRecord]:
        if self._series is None:
            self._series = self._spaces.all_series()
        return [series for series in self._series if series.number_space == space]

    def _holds(self, series: SeriesRecord, number: str) -> bool:
        serial = self._spaces.get(series).format.decode(number).serial
        return series.first_serial <= serial < series.next_serial
