"""Serial and shipment to tracking number, and back: pure arithmetic, no database, no HTTP.

docs/numbers.md tells why the numbers are unique and cannot be guessed; docs/formats.md how a
pattern says what they look like.
"""

from tracking_service.numbering.format import Decoded, Format, Shipment
from tracking_service.numbering.pattern import Pattern, from_options, parse
from tracking_service.numbering.reading import compact
from tracking_service.numbering.shape_index import ShapeIndex
from tracking_service.numbering.space_key import KEY_BYTES, key_fingerprint
from tracking_service.numbering.typos import is_likely_typo

__all__ = [
    "KEY_BYTES",
    "Decoded",
    "Format",
    "Pattern",
    "ShapeIndex",
    "Shipment",
    "compact",
    "from_options",
    "is_likely_typo",
    "key_fingerprint",
    "parse",
]
