"""Numbers that nobody issued, with a check character that is right."""

from __future__ import annotations

from tracking_service.numbering import Pattern
from tracking_service.numbering.builtin import ROUTED, built_in

POST = built_in("s10", {"service": "RA", "country": "MY"}, {"MY"})


def completed(text: str, pattern: Pattern = ROUTED) -> str:
    """A number of the pattern; `text` lacks its check character, which stands at its end."""
    return next(
        text + character
        for character in pattern.alphabet.characters
        if pattern.checker.is_right(text + character)
    )
