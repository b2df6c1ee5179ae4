"""Serial and shipment to tracking number, and back: pure arithmetic, no database, no HTTP.

docs/numbers.md tells why the numbers are unique and cannot be guessed; docs/formats.md what
formats there are and how to add one.
"""

from tracking_service.numbering.format import (
    KEY_BYTES,
    Decoded,
    Format,
    FormatKind,
    Shipment,
    key_fingerprint,
)
from tracking_service.numbering.registry import FORMATS, check_number, compact, space_of
from tracking_service.numbering.typing_errors import looks_like_typing_error

__all__ = [
    "FORMATS",
    "KEY_BYTES",
    "Decoded",
    "Format",
    "FormatKind",
    "Shipment",
    "check_number",
    "compact",
    "key_fingerprint",
    "looks_like_typing_error",
    "space_of",
]
