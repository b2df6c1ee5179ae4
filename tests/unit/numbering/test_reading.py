"""Numbers as people type them, paste them and scan them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import MalformedNumberError
from tracking_service.numbering import compact
from tracking_service.numbering.alphabets import DIGITS, LETTERS

NUMBER = "MYID7K2M0QX4C9TV"


@pytest.mark.parametrize(
    "text",
    [
        "myid7k2m0qx4c9tv",
        " MYID 7K2M-0QX4-C9TV ",
        "my-id 7k2m0qx4c9t  v",
        # What a scanner ends with, and what a form or a mail puts in.
        "MYID7K2M0QX4C9TV\r\n",
        "MYID7K2M0QX4C9TV\t",
        "MYID\n7K2M0QX4C9TV\x1d",
        "MYID\N{NO-BREAK SPACE}7K2M\N{NARROW NO-BREAK SPACE}0QX4\N{IDEOGRAPHIC SPACE}C9TV",
        "MYID\N{THIN SPACE}7K2M0QX4\N{LINE SEPARATOR}C9TV\N{NEXT LINE}",
        # Every word processor has a dash of its own.
        "MYID\N{EN DASH}7K2M\N{EM DASH}0QX4\N{HYPHEN}C9TV",
        "MYID\N{NON-BREAKING HYPHEN}7K2M\N{MINUS SIGN}0QX4\N{FULLWIDTH HYPHEN-MINUS}C9TV",
        # These cannot be seen.
        "\ufeffMYID\N{ZERO WIDTH SPACE}7K2M\N{SOFT HYPHEN}0QX4\N{WORD JOINER}C9TV",
        "\N{RIGHT-TO-LEFT MARK}MYID7K2M0QX4C9TV\N{POP DIRECTIONAL FORMATTING}",
        # Full-width forms.
        "".join(chr(ord(each) + 0xFEE0) for each in NUMBER),
        "".join(chr(ord(each) + 0xFEE0) for each in NUMBER.lower()),
    ],
)
def test_numbers_are_read_as_they_are_given(text: str) -> None:
    assert NUMBER == compact(text)


@pytest.mark.parametrize("space", [c for c in map(chr, range(0x110000)) if c.isspace()])
def test_no_white_space_matters(space: str) -> None:
    assert NUMBER == compact(NUMBER[:4] + space + NUMBER[4:] + space)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "- -",
        "MYID_7K2",
        "MYID.7K2",
        "MYID\0",
        "MY/ID",
        # None of these is A to Z or 0 to 9, though upper case or a decomposition would make it so.
        "MY\u0131D",
        "\u017f",
        "MY1D\u0661",
        "ß",
        "MY\N{CIRCLED DIGIT ONE}",
        "MY\N{KELVIN SIGN}",
        "MY\N{SUPERSCRIPT TWO}",
        "\N{CYRILLIC CAPITAL LETTER A}",
        "\ud800",
    ],
)
def test_anything_else_in_a_number_is_malformed(text: str) -> None:
    with pytest.raises(MalformedNumberError, match="letters A to Z"):
        compact(text)


@settings(deadline=None)
@given(st.text())
def test_whatever_is_typed_is_compact_or_malformed(text: str) -> None:
    try:
        number = compact(text)
    except MalformedNumberError:
        return
    assert number
    assert set(number) <= set(DIGITS + LETTERS)
    assert number == compact(number)
