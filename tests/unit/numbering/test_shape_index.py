"""The index of shapes: the same answers as a look at each shape, and few looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.numbering import Pattern, ShapeIndex, parse

PATTERNS = (
    parse("{origin}{destination}{body:11}{check}", "crockford"),
    parse("RA{body:8}{check}{origin:MY}", "digits", "s10"),
    parse("RB{body:8}{check}MY", "digits"),
    parse("R9{body:8}{check}MY", "digits"),
    parse("XOX{body:12}9", "base36"),
    parse("XYX{body:12}9", "base36"),
    parse("XYX{body:12}8", "crockford"),
    parse("X{body:11}{check}XYZ", "consonants"),
    *(parse(f"X{at:03}{{body:8}}{{check}}", "crockford") for at in range(1_000)),
)
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def index_of(*patterns: Pattern) -> ShapeIndex[Pattern]:
    index: ShapeIndex[Pattern] = ShapeIndex()
    for pattern in patterns:
        index.add(pattern.text, pattern.shape, pattern)
    return index


INDEX = index_of(*PATTERNS)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text of one of the shapes, at times with a character or two that it does not have."""
    pattern = draw(st.sampled_from(PATTERNS))
    text = [draw(st.sampled_from(allowed)) for allowed in pattern.shape.characters]
    for _ in range(draw(st.integers(0, 2))):
        text[draw(st.integers(0, len(text) - 1))] = draw(st.sampled_from(CHARACTERS))
    return "".join(text)


@settings(max_examples=150, deadline=None)
@given(text=texts())
def test_a_number_is_read_as_a_look_at_each_shape_reads_it(text: str) -> None:
    read = [
        (pattern, number)
        for pattern in PATTERNS
        if (number := pattern.shape.read(text)) is not None
    ]

    assert INDEX.read(text) == (read[0] if read else None)
    assert len(read) <= 1


@settings(max_examples=150, deadline=None)
@given(text=texts(), at=st.integers(0, 15), character=st.sampled_from("$" + CHARACTERS))
def test_every_pattern_that_one_slip_leads_to_is_near(text: str, at: int, character: str) -> None:
    read = INDEX.read(text)
    if read is None:
        return
    at %= len(text)
    slips = [text[:at] + character + text[at + 1 :]]
    if at + 1 < len(text):
        slips.append(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
    for slip in slips:
        near = list(INDEX.near(slip))

        assert read[0] in near
        assert len(near) == len(set(map(id, near)))


@pytest.mark.parametrize(
    "spoil", [lambda text: text, lambda text: "X50" + text[3:], lambda text: "X05" + text[3:]]
)
def test_few_of_a_thousand_patterns_are_near_a_number(spoil: Callable[[str], str]) -> None:
    near = list(INDEX.near(spoil("X055ABCDEFGH0")))

    # Nine other digits at each of three places, and the swaps.
    assert 28 <= len(near) <= 1 + 27 + 2
    assert near[0].shape.read(spoil("X055ABCDEFGH0")) is not None


def test_look_alikes_of_a_fixed_character_are_read() -> None:
    assert ("X055ABCDEFGH0", PATTERNS[8 + 55]) == _reversed(INDEX.read("XO55ABCDEFGH0"))
    assert INDEX.read("X0XABCDEFGHIJKL9") is None
    assert PATTERNS[4] in INDEX.near("X0XABCDEFGHIJKL9")


def _reversed(read: tuple[Pattern, str] | None) -> tuple[str, Pattern] | None:
    return read and (read[1], read[0])


def test_a_shape_is_added_once() -> None:
    index = index_of(PATTERNS[0], PATTERNS[0])

    assert [PATTERNS[0]] == list(index.near("MYIDTXWMM2GZR5H5"))
