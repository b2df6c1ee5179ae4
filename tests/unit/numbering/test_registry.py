"""Which formats there are, how numbers are read kindly, and which space they belong to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import (
    CheckCharacterError,
    InvalidSeriesError,
    MalformedNumberError,
)
from tracking_service.numbering import (
    FORMATS,
    KEY_BYTES,
    Shipment,
    check_number,
    compact,
    iso7064,
    space_of,
)

OPTIONS: dict[str, dict[str, str]] = {"routed": {}, "s10": {"service": "RA", "country": "MY"}}
SPACES = {"routed": "routed", "s10": "s10:RA:MY"}
KEY = bytes(range(KEY_BYTES))
SHIPMENT = Shipment("MY", "ID")


def test_the_formats_are_these() -> None:
    assert set(FORMATS) == set(OPTIONS)
    assert all(name == kind.name for name, kind in FORMATS.items())


@pytest.mark.parametrize("name", OPTIONS)
def test_a_kind_and_its_format_agree(name: str) -> None:
    kind = FORMATS[name]
    options = kind.validate(OPTIONS[name], {"MY"})
    built = kind.build(KEY, options)
    number = built.encode(kind.capacity - 1, SHIPMENT)

    assert built.capacity == kind.capacity
    assert kind.space(options) == space_of(number) == SPACES[name]
    assert built.decode(number).serial == kind.capacity - 1
    assert len(number) <= 16
    assert 0 < kind.block_size <= kind.serials_per_series <= kind.capacity


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_check_character_is_told_without_a_key(name: str) -> None:
    number = FORMATS[name].build(KEY, OPTIONS[name]).encode(7, SHIPMENT)
    # The last digit or character of the body: its place is in the check of either format.
    at = 9
    wrong = number[:at] + ("1" if number[at] == "0" else "0") + number[at + 1 :]

    check_number(number)

    with pytest.raises(CheckCharacterError):
        check_number(wrong)


def test_a_routed_number_without_countries_is_malformed_under_any_key() -> None:
    with pytest.raises(MalformedNumberError, match="two country codes"):
        check_number("MY1D00000000000" + iso7064.check_character("MY1D00000000000"))


@pytest.mark.parametrize("name", OPTIONS)
def test_no_two_formats_write_numbers_of_one_shape(name: str) -> None:
    number = FORMATS[name].build(KEY, OPTIONS[name]).encode(1, SHIPMENT)

    assert [other.name for other in FORMATS.values() if other.recognise(number)] == [name]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_key_of_the_wrong_length_builds_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        FORMATS[name].build(bytes(16), OPTIONS[name])


def test_the_spaces_have_room_for_as_many_series_as_the_docs_say() -> None:
    rooms = {name: kind.capacity // kind.serials_per_series for name, kind in FORMATS.items()}

    assert rooms == {"routed": 13_162, "s10": 1}


def test_a_routed_series_takes_no_options() -> None:
    with pytest.raises(InvalidSeriesError, match="takes no country or service"):
        FORMATS["routed"].validate({"service": "RA", "country": "MY"}, {"MY"})


@pytest.mark.parametrize(
    "text",
    ["MYID7K2M0QX4C9TU", "myid7k2m0qx4c9tu", " MYID 7K2M-0QX4-C9TU ", "my-id 7k2m0qx4c9t  u"],
)
def test_numbers_are_read_as_people_type_them(text: str) -> None:
    assert compact(text) == "MYID7K2M0QX4C9TU"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "- -",
        "MYID_7K2",
        "MYID\n",
        "MYID\t7",
        "MY\u0131D",
        "\u017f",
        "MY1D\u0661",
        "ß",
        "MY/ID",
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
    assert set(number) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert compact(number) == number


@pytest.mark.parametrize(
    "number, space",
    [
        ("MYID7K2M0QX4C9TU", "routed"),
        # The prefix has a digit typed into it: still this space, whose check character says so.
        ("MY1D7K2M0QX4C9TU", "routed"),
        ("RA123456785MY", "s10:RA:MY"),
        ("ZZ123456785XX", "s10:ZZ:XX"),
    ],
)
def test_the_space_of_a_number_is_told_by_its_shape(number: str, space: str) -> None:
    assert space_of(number) == space


@pytest.mark.parametrize(
    "number", ["", "A", "MYID7K2M0QX4C9T", "MYID7K2M0QX4C9TUX", "RA12345678OMY", "1234567890123"]
)
def test_a_number_of_no_format_is_malformed(number: str) -> None:
    with pytest.raises(MalformedNumberError, match="of this shape"):
        space_of(number)
