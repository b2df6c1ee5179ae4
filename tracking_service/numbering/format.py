"""A format: a pattern under the key of its number space. Turns a serial into a number and back.

Why no number is written twice: a serial is spent once. All that is visible beside the body
(literals, countries, a date) is FF1's tweak. Under one tweak FF1 is a permutation, so unlike
serials give unlike bodies; under another one the visible part itself differs. A batch that is asked
for again is written with its recorded moment, so its numbers are the same. A second key in a space
would undo this, so a key never changes. The numbers of two spaces have shapes that do not meet.

It is pure arithmetic and asks no database: a number carries all that finds its serial again.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tracking_service.errors import ShipmentRefusedError
from tracking_service.lazy_imports import import_lock
from tracking_service.numbering.ff1 import FF1, Permutation
from tracking_service.numbering.pattern import Pattern
from tracking_service.numbering.shape import COUNTRIES, DATES
from tracking_service.numbering.space_key import KEY_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REMEMBERED = 2048
"""Frames, and permutations, that a format keeps at most; at more, it drops all of them."""

DAY = 86_400
"""Seconds."""


class Shipment(NamedTuple):
    """What a format may use of a request. Both are ISO 3166-1 alpha-2, validated beforehand.

    A tuple, as one is made for every request, and a frozen dataclass takes three times as long.
    """

    origin: str
    destination: str


class Decoded(NamedTuple):
    """What a number says of itself; a country is None where the pattern does not write it."""

    serial: int
    origin: str | None
    destination: str | None


class _Frame(NamedTuple):
    """All of a number but its serial and its check character, for one route and day."""

    pieces: tuple[str, str, str]
    """What stands before the first of the two, between them, and after the second."""
    permutation: Permutation | None
    """None where the serial is in the clear."""
    state: int
    """The check's, before the serial."""
    finish: tuple[str, ...]
    """By the check's state after the serial: the check character."""


class Format:
    """Writes and reads the numbers of one number space. Safe for any number of threads.

    A `moment` is in seconds since 1970 and is needed where the pattern shows a date.
    """

    __slots__ = (
        "_alphabet",
        "_checker",
        "_countries",
        "_end",
        "_ff1",
        "_frames",
        "_is_dated",
        "_length",
        "_only",
        "_permutations",
        "_row",
        "_rows",
        "_serial_first",
        "_start",
        "_visible",
        "pattern",
        "width",
    )

    def __init__(self, pattern: Pattern, key: bytes) -> None:
        """ValueError, which does not show the key, where it is not KEY_BYTES long."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of a number space is {KEY_BYTES} bytes, not {len(key)}")
        self.pattern = pattern
        self.width = pattern.width
        """How many characters a number has, all of them ASCII."""
        self._alphabet = pattern.alphabet
        self._is_dated = pattern.is_dated
        self._checker = pattern.checker
        self._start = pattern.places[pattern.parts.index(pattern.serial)]
        self._length = pattern.serial.width
        self._end = self._start + self._length
        self._serial_first = self._start < self._checker.at
        self._rows = self._checker.rows(self._start, self._end)
        self._row = self._rows[0] if len(set(map(id, self._rows))) == 1 else None
        places = [
            (part, slice(at, at + part.width))
            for part, at in zip(pattern.parts, pattern.places, strict=True)
        ]
        self._visible = [place for part, place in places if part.is_visible]
        self._countries = {part.kind: place for part, place in places if part.kind in COUNTRIES}
        self._only = tuple(
            (COUNTRIES.index(part.kind), part.kind, part.fixed)
            for part in pattern.parts
            if part.kind in COUNTRIES and part.fixed is not None
        )
        self._ff1 = None
        if pattern.is_encrypted:
            self._ff1 = FF1(
                key,
                radix=self._alphabet.radix,
                length=self._length,
                tweak_length=sum(part.width for part, _ in places if part.is_visible),
            )
        # Used without a lock: two threads that miss the same entry both make it.
        self._frames: dict[object, _Frame] = {}
        self._permutations: dict[str, Permutation] = {}

    def __repr__(self) -> str:
        return f"Format({self.pattern.text!r})"

    def check(self, shipment: Shipment) -> None:
        """Raise ShipmentRefusedError where no number can be written, before a serial is spent."""
        for at, kind, only in self._only:
            if shipment[at] != only:
                raise ShipmentRefusedError(
                    f"{kind}_country_id", f"must be {only}: this series takes no other"
                )

    def encode(self, serial: int, shipment: Shipment, moment: float | None = None) -> str:
        """Write the number of a serial; ValueError outside of the pattern's [0, capacity).

        A shipment that `check` refuses is refused here too: its number would name a wrong country.
        """
        frame = self._frames.get(self._key(shipment, moment) if self._is_dated else shipment)
        (before, between, after), permutation, state, finish = frame or self._new_frame(
            shipment, moment
        )
        if permutation is not None:
            serial = permutation.encrypt(serial)
        body = self._alphabet.write(serial, self._length)
        if (row := self._row) is not None:
            for character in body:
                state = row[state][character]
        else:
            for rows, character in zip(self._rows, body, strict=False):
                state = rows[state][character]
        if self._serial_first:
            return f"{before}{body}{between}{finish[state]}{after}"
        return f"{before}{finish[state]}{between}{body}{after}"

    def encode_many(
        self, start: int, end: int, shipment: Shipment, moment: float | None = None
    ) -> bytes:
        """Write the numbers of the serials [start, end), `width` bytes each, nothing between.

        The same numbers as `encode`, hundreds of times as fast for a thousand or more.
        """
        # All that uses numpy is called from here first.
        with import_lock:
            import numpy as np

        frame = self._frames.get(self._key(shipment, moment)) or self._new_frame(shipment, moment)
        length = self._length
        left, right = self._halves(start, end, frame.permutation)
        numerals = np.empty((length, len(left)), dtype=np.uint8)
        self._alphabet.numerals(left, numerals[: length // 2])
        self._alphabet.numerals(right, numerals[length // 2 :])
        table = np.empty((len(left), self.width), dtype=np.uint8)
        table[:] = np.frombuffer(self._blank(frame), dtype=np.uint8)
        characters = np.frombuffer(self._alphabet.characters.encode("ascii"), dtype=np.uint8)
        table[:, self._start : self._end] = characters[numerals].T
        if self._rows:
            table[:, self._checker.at] = self._checker.check_many(
                frame.state, numerals, self._start, frame.finish
            )
        return table.tobytes()

    def decode(self, number: str) -> Decoded:
        """Read a compact number as it stands; any body decodes to some serial.

        Raises MalformedNumberError and CheckCharacterError.
        """
        self.pattern.check_number(number)
        serial = self._alphabet.read(number[self._start : self._end])
        if self._ff1 is not None:
            visible = "".join([number[place] for place in self._visible])
            serial = self._permutation(self._ff1, visible).decrypt(serial)
        origin, destination = (self._countries.get(kind) for kind in COUNTRIES)
        return Decoded(serial, origin and number[origin], destination and number[destination])

    def _key(self, shipment: Shipment, moment: float | None) -> object:
        if not self._is_dated:
            return shipment
        if moment is None:
            raise ValueError(f"a number of the pattern {self.pattern.text} needs its moment")
        return shipment, moment // DAY

    def _new_frame(self, shipment: Shipment, moment: float | None) -> _Frame:
        self.check(shipment)
        before, between, after = pieces = self._pieces(shipment, moment)
        second = len(before) + (self._length if self._serial_first else 1)
        placed = ((0, before), (second, between), (self.width - len(after), after))
        checker = self._checker
        permutation = None
        if self._ff1 is not None:
            permutation = self._permutation(self._ff1, "".join(pieces))
        frame = _Frame(
            pieces,
            permutation,
            checker.fold(checker.start, [each for each in placed if each[0] < self._start]),
            checker.finish_after([each for each in placed if each[0] >= self._end]),
        )
        if len(self._frames) >= REMEMBERED:
            self._frames.clear()
        self._frames[self._key(shipment, moment)] = frame
        return frame

    def _pieces(self, shipment: Shipment, moment: float | None) -> tuple[str, str, str]:
        """What a number shows, cut where its serial and its check character stand."""
        pieces = [""]
        for part in self.pattern.parts:
            if not part.is_visible:
                pieces.append("")
            elif part.kind in DATES and moment is not None:
                pieces[-1] += datetime.fromtimestamp(moment, UTC).strftime(DATES[part.kind])
            elif part.is_any_country:
                pieces[-1] += shipment[COUNTRIES.index(part.kind)]
            else:
                pieces[-1] += part.fixed or ""
        before, between, after = (*pieces, "")[:3]
        return before, between, after

    def _permutation(self, ff1: FF1, visible: str) -> Permutation:
        permutation = self._permutations.get(visible)
        if permutation is None:
            permutation = ff1.permutation(visible.encode("ascii"))
            if len(self._permutations) >= REMEMBERED:
                self._permutations.clear()
            self._permutations[visible] = permutation
        return permutation

    def _blank(self, frame: _Frame) -> bytes:
        """A number with room for its serial and check character."""
        before, between, after = frame.pieces
        first, second = "0" * self._length, "0" * len(frame.finish[0])
        if not self._serial_first:
            first, second = second, first
        return f"{before}{first}{between}{second}{after}".encode("ascii")

    def _halves(
        self, start: int, end: int, permutation: Permutation | None
    ) -> tuple["NDArray[np.uint64]", "NDArray[np.uint64]"]:
        """The serials [start, end) as they are written, each as a left and a right half."""
        import numpy as np

        if permutation is not None:
            return permutation.encrypt_many(start, end)
        if not 0 <= start <= end <= self.pattern.capacity:
            raise ValueError(f"[{start}, {end}) is outside [0, {self.pattern.capacity})")
        size = np.uint64(self._alphabet.radix ** ((self._length + 1) // 2))
        serials = np.arange(start, end, dtype=np.uint64)
        left = serials // size
        return left, serials - left * size
