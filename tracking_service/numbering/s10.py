"""The `s10` format: UPU S10, the number of an item in the international post.

    RA 12345678 5 MY     (written without the spaces: 13 characters)

Service indicator, eight digits, check digit, country of origin. Here the eight digits are the
serial under FF1 (`ff1.py`) in radix 10, with service and country as its tweak. A number space is
one service indicator and country, with its own key; within it FF1 is a permutation and a serial is
spent once, and between two spaces the letters differ, so no number is written twice.

Only a country's designated operator may issue S10 numbers.

https://www.upu.int/en/postal-solutions/programmes-services/standards (S10)

>>> check_digit("47312482")
'9'
>>> check_digit("47312428")
'0'
"""

import re
from collections.abc import Container, Mapping
from typing import Final

from tracking_service.errors import (
    CheckCharacterError,
    InvalidSeriesError,
    MalformedNumberError,
    ShipmentRefusedError,
)
from tracking_service.numbering.base36 import numerals
from tracking_service.numbering.ff1 import FF1
from tracking_service.numbering.format import Decoded, FormatKind, Shipment, checked_key

_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
# By the weighted sum modulo 11: 11 less that, where 10 is written 0 and 11 is written 5.
_CHECK = "50987654321"
_RESERVED = "JKSTW"
_SHAPE = re.compile(r"([A-Z]{2})([0-9]{8})([0-9])([A-Z]{2})")
_LETTERS = re.compile(r"[A-Z]{2}")


def check_digit(digits: str) -> str:
    """The S10 check digit of eight ASCII digits; ValueError for anything else."""
    if len(digits) != len(_WEIGHTS) or not (digits.isascii() and digits.isdigit()):
        raise ValueError("an S10 check digit is over eight digits")
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return _CHECK[total % 11]


class S10:
    """The space of one service indicator and country under its key (32 bytes); thread-safe."""

    __slots__ = ("_country", "_permutation", "_service")

    capacity: Final = 10 ** len(_WEIGHTS)
    width: Final = 13

    def __init__(self, key: bytes, *, service: str, country: str) -> None:
        ff1 = FF1(checked_key(key), radix=10, length=len(_WEIGHTS), tweak_length=4)
        self._permutation = ff1.permutation((service + country).encode("ascii"))
        self._service = service
        self._country = country

    def check(self, shipment: Shipment) -> None:
        """Refuse a shipment that does not begin in this space's country."""
        if shipment.origin != self._country:
            raise ShipmentRefusedError(
                "origin_country_id", f"must be {self._country}, the country of this S10 series"
            )

    def encode(self, serial: int, shipment: Shipment) -> str:
        """Write the number of a serial in [0, capacity); ValueError outside.

        A shipment that `check` refuses is refused here as well: its number would tell a lie.
        """
        self.check(shipment)
        digits = f"{self._permutation.encrypt(serial):08d}"
        return f"{self._service}{digits}{check_digit(digits)}{self._country}"

    def encode_many(self, start: int, end: int, shipment: Shipment) -> bytes:
        """The numbers of the serials [start, end), one behind the other, `width` bytes each."""
        import numpy as np

        self.check(shipment)
        half = len(_WEIGHTS) // 2
        left, right = self._permutation.encrypt_many(start, end)
        table = np.empty((len(left), self.width), dtype=np.uint8)
        digits = table[:, 2:10]
        numerals(left, 10, half, digits[:, :half])
        numerals(right, 10, half, digits[:, half:])
        totals = digits @ np.array(_WEIGHTS, dtype=np.uint16)
        digits += ord("0")
        table[:, 10] = np.frombuffer(_CHECK.encode("ascii"), dtype=np.uint8)[totals % 11]
        table[:, :2] = np.frombuffer(self._service.encode("ascii"), dtype=np.uint8)
        table[:, 11:] = np.frombuffer(self._country.encode("ascii"), dtype=np.uint8)
        return table.tobytes()

    def decode(self, number: str) -> Decoded:
        """Read a compact number of this space; S10 does not write the destination."""
        match = _SHAPE.fullmatch(number)
        if match is None:
            raise MalformedNumberError("an S10 number is two letters, nine digits and two letters")
        service, digits, _, country = match.groups()
        if (service, country) != (self._service, self._country):
            raise MalformedNumberError("this S10 number is of another service or country")
        _check_number(number)
        return Decoded(self._permutation.decrypt(int(digits)), country, None)


def _validate(options: Mapping[str, str], countries: Container[str]) -> dict[str, str]:
    if set(options) != {"service", "country"}:
        raise InvalidSeriesError("an s10 series takes a service and a country, and nothing else")
    service, country = options["service"], options["country"]
    if _LETTERS.fullmatch(service) is None:
        raise InvalidSeriesError("the service indicator must be two capital letters, such as RA")
    if service[0] in _RESERVED:
        raise InvalidSeriesError(
            f"the service indicator {service} is reserved: the UPU keeps those"
            " whose first letter is J, K, S, T or W"
        )
    if _LETTERS.fullmatch(country) is None or country not in countries:
        raise InvalidSeriesError(
            "the country must be an officially assigned ISO 3166-1 alpha-2 code, such as MY"
        )
    return {"service": service, "country": country}


def _space(options: Mapping[str, str]) -> str:
    return f"s10:{options['service']}:{options['country']}"


def _build(key: bytes, options: Mapping[str, str]) -> S10:
    return S10(key, service=options["service"], country=options["country"])


def _recognise(number: str) -> str | None:
    match = _SHAPE.fullmatch(number)
    return f"s10:{match[1]}:{match[4]}" if match else None


def _check_number(number: str) -> None:
    if check_digit(number[2:10]) != number[10]:
        raise CheckCharacterError("the check digit does not match")


KIND = FormatKind(
    name="s10",
    capacity=S10.capacity,
    # Eight digits are few: a space is one series, and its blocks are small.
    serials_per_series=S10.capacity,
    block_size=1_000,
    validate=_validate,
    space=_space,
    build=_build,
    recognise=_recognise,
    check_number=_check_number,
)
