"""The use case: a tracking number back to its series, serial and block.

No table of numbers exists. The number's shape tells its space, the space's format decodes the
serial, and two indexed look-ups find the series in whose range it lies, and its block. Their cost
does not grow with the number of series.
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
from tracking_service.numbering import Decoded, compact, is_likely_typo
from tracking_service.numbering.builtin import is_built_in
from tracking_service.numbering.reading import squeeze
from tracking_service.records import LeasedBlock


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

        Says nothing of whether the number was issued. The database is asked only where no number
        space that is known here has the shape; a number of a built-in pattern is read without it.
        Raises MalformedNumberError, CheckCharacterError and StoreError.
        """
        try:
            space, number = self._spaces.read(text)
        except StoreError:
            number = compact(text)
            if not is_built_in(number):
                raise
        else:
            space.format.pattern.check_number(number)
        return number

    def trace(self, text: str) -> TracedNumber:
        """Find a number's serial and block. Raises as `verify` does."""
        try:
            return self._find(text)
        except (MalformedNumberError, CheckCharacterError) as error:
            raise type(error)(str(error), likely_typo=self._is_likely_typo(text)) from None

    def _find(self, text: str) -> TracedNumber:
        space, number = self._spaces.read(text)
        # First, for it needs no database: what is no number under any key.
        space.format.pattern.check_number(number)
        decoded = space.format.decode(number)
        series = self._spaces.holding(space, decoded.serial)
        if series is not None:
            block = self._block_of(series.name, decoded.serial)
            # A tail that was handed back has not been issued: it is for others to lease.
            if block is not None and block.state != "returned":
                return TracedNumber(number, series.name, decoded, block)
        raise NotIssuedError

    def _is_likely_typo(self, text: str) -> bool:
        return is_likely_typo(text, self._spaces.patterns_near(squeeze(text)), self._count_leased)

    def _count_leased(self, numbers: Sequence[str]) -> int:
        try:
            return self._spaces.count_leased(numbers)
        except (NumberError, StoreError):
            # That the first number is wrong is certain; the hint may be missing.
            return 0
