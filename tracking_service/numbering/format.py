"""What a format is: it turns (serial, shipment) into a tracking number and back.

A format is pure arithmetic over one number space. It holds the space's key and never asks a
database: the number itself carries all that is needed to find its serial again.
"""

import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

# AES-256. A space's key is this many random bytes, made once and never changed.
KEY_BYTES = 32


class Shipment(NamedTuple):
    """What a format may use of a request. Both are ISO 3166-1 alpha-2, validated beforehand.

    A tuple, as one is made for every request, and a frozen dataclass takes three times as long.
    """

    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a number says of itself; a country is None where the format does not write it."""

    serial: int
    origin: str | None
    destination: str | None


class Format(Protocol):
    """Writes and reads the numbers of one number space."""

    @property
    def capacity(self) -> int:
        """How many serials the space has: a serial is in [0, capacity)."""

    def check(self, shipment: Shipment) -> None:
        """Raise ShipmentRefusedError where no number can be written, before a serial is spent."""

    def encode(self, serial: int, shipment: Shipment) -> str:
        """Write the number. A serial outside [0, capacity) is a ValueError."""

    @property
    def width(self) -> int:
        """How many characters a number has, all of them ASCII."""

    def encode_many(self, start: int, end: int, shipment: Shipment) -> bytes:
        """Write the numbers of the serials [start, end), `width` bytes each, nothing between.

        The same numbers as `encode`, hundreds of times as fast for a thousand or more.
        """

    def decode(self, number: str) -> Decoded:
        """Read a compact number; raise MalformedNumberError or CheckCharacterError."""


@dataclass(frozen=True, slots=True)
class FormatKind:
    """A format as an operator meets it, before there is a series or a key.

    A series keeps the kind's name and its options, a mapping of text to text. `serials_per_series`
    is how many serials of the space one series owns, so a space has room for
    `capacity // serials_per_series` of them; `block_size` is the default, in serials.
    """

    name: str
    capacity: int
    serials_per_series: int
    block_size: int
    validate: Callable[[Mapping[str, str], Container[str]], dict[str, str]]
    """(options, countries) -> the options to keep, or InvalidSeriesError. `countries` are all
    that are officially assigned: numbering keeps no list of its own."""
    space: Callable[[Mapping[str, str]], str]
    """The name of the number space that these options, validated, belong to."""
    build: Callable[[bytes, Mapping[str, str]], Format]
    """(key, options) -> the format. ValueError where the key is not KEY_BYTES long."""
    recognise: Callable[[str], str | None]
    """The number space that a compact number belongs to by its shape alone, or None."""
    check_number: Callable[[str], None]
    """Refuse a number that `recognise` knows and that cannot be one under any key: raises
    MalformedNumberError or CheckCharacterError. `decode` refuses it just so."""


def key_fingerprint(key: bytes) -> str:
    """16 hexadecimal digits that tell one key from another, and nothing of it."""
    return hashlib.sha256(key).hexdigest()[:16]


def checked_key(key: bytes) -> bytes:
    """The key, if it is a space's; else ValueError, which does not show it."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key of a number space is {KEY_BYTES} bytes, not {len(key)}")
    return key
