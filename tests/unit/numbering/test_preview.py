"""What is told of a pattern before a series is made of it."""

from datetime import UTC, datetime

import pytest

from tracking_service.numbering import parse
from tracking_service.numbering.builtin import ROUTED
from tracking_service.numbering.preview import barcode_modules, preview

MOMENT = datetime(2027, 1, 2, 3, 4, tzinfo=UTC).timestamp()


def test_five_numbers_are_shown_of_which_each_is_one_of_the_pattern() -> None:
    for pattern in (ROUTED, parse("RB{body:9}{check}", "digits"), parse("{serial:6}X", "digits")):
        shown = preview(pattern, MOMENT)
        for number in shown.examples:
            pattern.check_number(number)

        assert 5 == len(set(shown.examples))
        assert {shown.length} == {len(number) for number in shown.examples}


def test_the_examples_are_of_the_day_and_of_the_only_country() -> None:
    shown = preview(parse("{yyyy}{mm}{dd}{origin:SG}{body:6}", "digits"), MOMENT)

    assert {"20270102SG"} == {number[:10] for number in shown.examples}


@pytest.mark.parametrize(
    "text, alphabet, numbers, inventions",
    [
        ("RB{body:9}{check}", "digits", 10**9, 10_000),
        ("RB{body:9}", "digits", 10**9, 1_000),
        ("{body:8}", "consonants", 27**8, 27**8 / 10**6),
        ("{serial:9}{check}", "digits", 10**9, None),
    ],
)
def test_how_many_there_are_and_how_likely_an_invention_is_real(
    text: str, alphabet: str, numbers: int, inventions: float | None
) -> None:
    shown = preview(parse(text, alphabet), MOMENT)

    assert (numbers, inventions) == (shown.numbers, shown.inventions)


def test_what_the_check_catches_is_told_where_there_is_one() -> None:
    damm = preview(parse("{body:9}{check}", "digits", "damm"), MOMENT)

    assert "every wrong character and every swap of unlike neighbours" == damm.catches
    assert preview(parse("{body:9}", "digits"), MOMENT).catches is None


def test_a_check_that_has_no_letters_says_that_it_catches_none_of_theirs() -> None:
    lane = preview(parse("XY{origin}{body:6}{check}", "digits", "damm"), MOMENT)
    all_covered = preview(parse("{origin}{destination}{body:11}{check}", "crockford"), MOMENT)

    brand = preview(parse("XY{body:6}{check}", "digits", "damm"), MOMENT)

    assert (lane.catches or "").startswith("of the digits, not the letters: ")
    assert "letters" not in f"{all_covered.catches} {brand.catches}"


@pytest.mark.parametrize(
    "places, symbols",
    [
        # Start, data, check; the stop symbol is not counted.
        ("A", 3),
        ("1", 3),
        ("11", 3),
        ("1111", 4),
        ("11111", 6),
        ("AA", 4),
        ("AA1111111111", 2 + 2 + 1 + 5),
        ("AA11", 6),
        ("AA1111", 2 + 2 + 1 + 2),
        ("1111AA", 2 + 2 + 1 + 2),
        ("AA111111111AA", 2 + 2 + 1 + 4 + 1 + 1 + 2),
        ("AAAAAAAAAAAAAAAA", 18),
        ("1111111111111111", 10),
    ],
)
def test_a_barcode_is_as_narrow_as_the_two_subsets_allow(places: str, symbols: int) -> None:
    modules = symbols * 11 + 13 + 20

    assert modules == barcode_modules([place == "1" for place in places])


def test_the_width_is_in_millimetres_too() -> None:
    assert (231, 76.2) == (
        preview(ROUTED, MOMENT).barcode_modules,
        preview(ROUTED, MOMENT).barcode_mm,
    )
