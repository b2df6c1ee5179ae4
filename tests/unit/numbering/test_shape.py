"""Shapes: which texts are numbers of a pattern, and which patterns could write one text."""

import itertools

import pytest

from tracking_service.countries import COUNTRIES
from tracking_service.numbering.alphabets import DIGITS, LETTERS
from tracking_service.numbering.pattern import parse
from tracking_service.numbering.shape import CODES

ROUTED = "{origin}{destination}{body:11}{check}"
USERS = {"AA", "ZZ", *(f"Q{b}" for b in "MNOPQRSTUVWXYZ"), *(f"X{b}" for b in LETTERS)}


def meet(one: tuple[str, str], other: tuple[str, str]) -> bool:
    first, second = parse(*one).shape, parse(*other).shape
    assert first.meets(second) is second.meets(first)
    return first.meets(second)


def test_every_country_has_a_code_that_can_be_written_and_no_user_has_one() -> None:
    assert set(COUNTRIES) <= set(CODES)
    assert {a + b for a in LETTERS for b in LETTERS} - set(CODES) == USERS


@pytest.mark.parametrize(
    "alphabet, other",
    list(itertools.combinations(("digits", "base36", "crockford", "consonants"), 2)),
)
def test_one_pattern_over_two_alphabets_meets_itself(alphabet: str, other: str) -> None:
    assert meet(("A{body:8}", alphabet), ("A{body:8}", other))


@pytest.mark.parametrize(
    "one, other, expected",
    [
        # Another length, another literal.
        (("A{body:8}", "digits"), ("A{body:9}", "digits"), False),
        (("A{body:8}", "digits"), ("B{body:8}", "digits"), False),
        (("A{body:8}", "digits"), ("A{body:6}{check}7", "digits"), True),
        (("A{body:8}", "digits"), ("A{body:7}Z", "digits"), False),
        # A letter where the other has a digit, unless it is read as one.
        (("A{body:8}", "digits"), ("{body:9}", "digits"), False),
        (("O{body:8}", "digits"), ("{body:9}", "digits"), True),
        (("I{body:8}", "base36"), ("1{body:8}", "base36"), True),
        (("L{body:8}", "digits"), ("1{body:8}", "digits"), True),
        (("O{body:8}", "digits"), ("1{body:8}", "digits"), False),
        (("O{body:8}", "digits"), ("{body:9}", "consonants"), False),
        (("0{body:8}", "digits"), ("{body:9}", "consonants"), False),
        (("U{body:8}", "digits"), ("{body:9}", "crockford"), False),
        # Country codes: those of ISO 3166-1, now and later, but never those left to users.
        ((ROUTED, "crockford"), ("MY{body:12}{check}9", "digits"), True),
        ((ROUTED, "crockford"), ("MY9{body:12}{check}", "digits"), False),
        ((ROUTED, "crockford"), ("MYID{body:11}{check}", "digits"), True),
        ((ROUTED, "crockford"), ("RBID{body:11}{check}", "digits"), True),
        ((ROUTED, "crockford"), ("XBID{body:11}{check}", "digits"), False),
        ((ROUTED, "crockford"), ("MYZZ{body:11}{check}", "base36"), False),
        ((ROUTED, "crockford"), ("AA{body:12}{check}9", "base36"), False),
        ((ROUTED, "crockford"), ("{body:12}{check}ABC", "consonants"), True),
        ((ROUTED, "crockford"), ("RA{body:8}{check}{origin:MY}", "digits"), False),
        (("{origin}{body:8}", "digits"), ("{destination}{body:8}", "digits"), True),
        (("{origin:MY}{body:8}", "digits"), ("{destination:MY}{body:8}", "digits"), True),
        (("{origin:MY}{body:8}", "digits"), ("{origin:ID}{body:8}", "digits"), False),
        # O, I and L could stand for digits: IL is a country, 11 is read for it.
        (("{origin}{body:8}", "digits"), ("{body:10}", "digits"), True),
        # Dates are digits.
        (("{yy}{mm}{body:8}", "base36"), ("9999{body:8}", "base36"), True),
        (("{yy}{mm}{body:8}", "base36"), ("A{body:11}", "base36"), False),
    ],
)
def test_shapes_meet_where_one_text_could_be_read_as_both(
    one: tuple[str, str], other: tuple[str, str], expected: bool
) -> None:
    assert expected is meet(one, other)


@pytest.mark.parametrize(
    "text, alphabet, typed, number",
    [
        (ROUTED, "crockford", "MYID00000000000O", "MYID000000000000"),
        (ROUTED, "crockford", "MYIDIL000000000L", "MYID110000000001"),
        (ROUTED, "crockford", "COIL0O1IL000000Z", "COIL00111000000Z"),
        # Country letters stay letters, and no digit becomes one.
        (ROUTED, "crockford", "MY1D000000000000", None),
        (ROUTED, "crockford", "C0IL000000000000", None),
        (ROUTED, "crockford", "MYID0000000000U0", None),
        (ROUTED, "crockford", "AAID000000000000", None),
        (ROUTED, "base36", "MYIDOIL00000000O", "MYIDOIL00000000O"),
        ("RO{body:8}", "digits", "ROO1234567", "RO01234567"),
        ("RO{body:8}", "digits", "R012345678", None),
        ("R0{body:8}", "base36", "RO12345678", "R012345678"),
        ("R1{body:8}", "base36", "RL1234567O", "R11234567O"),
        # These have neither 0 nor 1, so O is read as nothing.
        ("R{body:8}", "consonants", "RO2345678", None),
        ("{yy}{mm}{dd}{body:6}", "base36", "24O1O1ABCDEF", "240101ABCDEF"),
        ("{yy}{mm}{dd}{body:6}", "base36", "241301ABCDEF", None),
        ("{yy}{mm}{dd}{body:6}", "base36", "240100ABCDEF", None),
        ("{yy}{mm}{dd}{body:6}", "base36", "240132ABCDEF", None),
        ("R{body:8}", "digits", "R1234567", None),
        ("R{body:8}", "digits", "R123456789", None),
        ("R{body:8}", "digits", "R12345678\n", None),
        ("R{body:8}", "digits", "R1234567\u0665", None),
        ("R{body:8}", "digits", "", None),
    ],
)
def test_what_looks_like_a_digit_is_read_as_one_where_no_letter_can_stand(
    text: str, alphabet: str, typed: str, number: str | None
) -> None:
    shape = parse(text, alphabet).shape

    assert number == shape.read(typed)
    assert (number == typed) is shape.fits(typed)


def test_meeting_is_what_texts_say() -> None:
    """Short shapes, text by text: two meet exactly where one text is read as both."""
    pieces = ["{body:6}", "{yy}", "O", "1", "X", "{origin}", "{destination:LI}"]
    shapes = {
        text: parse(text, "digits").shape
        for text in ["{body:6}" + "".join(p) for p in itertools.permutations(pieces[1:], 2)]
    }
    endings = ["".join(e) for n in (2, 3, 4) for e in itertools.product("01OILX", repeat=n)]
    texts = ["000000" + ending for ending in endings]
    read = {name: {text for text in texts if shape.read(text)} for name, shape in shapes.items()}
    for (one, first), (other, second) in itertools.combinations(shapes.items(), 2):
        assert bool(read[one] & read[other]) is first.meets(second), (one, other)


def test_digits_and_letters_are_all_there_is() -> None:
    shape = parse("{body:12}", "base36").shape

    assert (frozenset(DIGITS + LETTERS),) * 12 == shape.readable
