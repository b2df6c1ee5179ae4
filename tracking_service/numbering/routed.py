"""The `routed` format: origin, destination, eleven body characters, one check character.

    MY ID 7K2M0QX4C9T U     (written without the spaces: 16 characters, 0-9A-Z)

The body is the serial under FF1 (`ff1.py`) in radix 36, with the visible prefix as its tweak; the
check character is ISO/IEC 7064 MOD 37,36 (`iso7064.py`) over the 15 before it.

Why no number is written twice: all routed series share one space, with one key and disjoint ranges
of its serials, so a serial is spent once. Within one prefix FF1 is a permutation, and unlike
serials give unlike bodies; between prefixes the prefix itself differs. A second key in the space
would undo this, so the key never changes. The same body under another prefix decodes to noise.
"""

import re
from collections.abc import Container, Mapping
from typing import Final

from tracking_service.errors import (
    CheckCharacterError,
    InvalidSeriesError,
    MalformedNumberError,
)
from tracking_service.numbering import iso7064
from tracking_service.numbering.base36 import ALPHABET, base36, numerals
from tracking_service.numbering.ff1 import FF1
from tracking_service.numbering.format import Decoded, FormatKind, Shipment, checked_key

_SPACE = "routed"
_PREFIX = 4
_BODY = 11
_SHAPE = re.compile(r"[0-9A-Z]{16}")


class Routed:
    """The routed number space under its key (32 bytes). Safe for any number of threads."""

    __slots__ = ("_ff1",)

    capacity: Final = 36**_BODY
    width: Final = _PREFIX + _BODY + 1

    def __init__(self, key: bytes) -> None:
        self._ff1 = FF1(checked_key(key), radix=36, length=_BODY, tweak_length=_PREFIX)

    def check(self, shipment: Shipment) -> None:
        """Every pair of countries has its prefix: nothing is refused."""

    def encode(self, serial: int, shipment: Shipment) -> str:
        """Write the number of a serial in [0, capacity); ValueError outside."""
        prefix = shipment.origin + shipment.destination
        body = self._ff1.permutation(prefix.encode("ascii")).encrypt(serial)
        text = prefix + base36(body, _BODY)
        return text + iso7064.check_character(text)

    def encode_many(self, start: int, end: int, shipment: Shipment) -> bytes:
        """The numbers of the serials [start, end), one behind the other, `width` bytes each."""
        import numpy as np

        prefix = shipment.origin + shipment.destination
        left, right = self._ff1.permutation(prefix.encode("ascii")).encrypt_many(start, end)
        table = np.empty((len(left), self.width), dtype=np.uint8)
        body = table[:, _PREFIX:-1]
        numerals(left, 36, _BODY // 2, body[:, : _BODY // 2])
        numerals(right, 36, _BODY - _BODY // 2, body[:, _BODY // 2 :])
        table[:, -1] = iso7064.check_many(prefix, body)
        written = np.frombuffer(ALPHABET.encode("ascii"), dtype=np.uint8)
        table[:, _PREFIX:] = written[table[:, _PREFIX:]]
        table[:, :_PREFIX] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
        return table.tobytes()

    def decode(self, number: str) -> Decoded:
        """Read a compact number; any body decodes to some serial, mostly one never leased."""
        if _SHAPE.fullmatch(number) is None:
            raise MalformedNumberError("a routed number is 16 letters and digits")
        _check_number(number)
        prefix = number[:_PREFIX]
        serial = self._ff1.permutation(prefix.encode("ascii")).decrypt(int(number[_PREFIX:-1], 36))
        return Decoded(serial, origin=prefix[:2], destination=prefix[2:])


def _validate(options: Mapping[str, str], _countries: Container[str]) -> dict[str, str]:
    if options:
        raise InvalidSeriesError(f"a routed series takes no {' or '.join(sorted(options))}")
    return {}


def _space(_options: Mapping[str, str]) -> str:
    return _SPACE


def _build(key: bytes, _options: Mapping[str, str]) -> Routed:
    return Routed(key)


def _recognise(number: str) -> str | None:
    return _SPACE if _SHAPE.fullmatch(number) else None


def _check_number(number: str) -> None:
    # Ahead of the letters of the prefix: a digit typed among them is a wrong character like any
    # other, and this is the error that can say so.
    if not iso7064.is_valid(number):
        raise CheckCharacterError
    if not number[:_PREFIX].isalpha():
        raise MalformedNumberError("a routed number begins with two country codes")


KIND = FormatKind(
    name="routed",
    capacity=Routed.capacity,
    # Ten trillion each leaves room for 13,162 series.
    serials_per_series=10**13,
    block_size=10_000,
    validate=_validate,
    space=_space,
    build=_build,
    recognise=_recognise,
    check_number=_check_number,
)
