"""The S10 format."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import (
    CheckCharacterError,
    InvalidSeriesError,
    MalformedNumberError,
    ShipmentRefusedError,
)
from tracking_service.numbering.format import Decoded, Shipment
from tracking_service.numbering.s10 import KIND, S10, check_digit

KEY = bytes(range(32))
SPACE = S10(KEY, service="RA", country="MY")
SHIPMENT = Shipment("MY", "ID")
COUNTRIES = frozenset({"MY", "ID", "DE"})


@pytest.mark.parametrize(
    "digits, expected",
    [("47312482", "9"), ("12345678", "5"), ("00071761", "8"), ("96633102", "0")],
)
def test_known_numbers_have_their_check_digit(digits: str, expected: str) -> None:
    assert check_digit(digits) == expected


@settings(deadline=None)
@given(st.text("0123456789", min_size=8, max_size=8))
def test_the_check_digit_follows_the_rule_of_the_standard(digits: str) -> None:
    total = sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    c = 11 - total % 11

    assert check_digit(digits) == {10: "0", 11: "5"}.get(c, str(c))


@pytest.mark.parametrize(
    "digits", ["", "1234567", "123456789", "1234567A", "1234567\u0661", "²2345678"]
)
def test_a_check_digit_is_over_eight_ascii_digits(digits: str) -> None:
    with pytest.raises(ValueError, match="eight digits"):
        check_digit(digits)


@settings(max_examples=500, deadline=None)
@given(serial=st.integers(0, 10**8 - 1), destination=st.sampled_from(["ID", "MY", "DE"]))
def test_a_number_says_its_serial_and_its_origin(serial: int, destination: str) -> None:
    number = SPACE.encode(serial, Shipment("MY", destination))

    assert re.fullmatch(r"RA[0-9]{9}MY", number)
    assert SPACE.decode(number) == Decoded(serial, "MY", None)


def test_numbers_stay_what_they_are_for_ever() -> None:
    """Parcels carry them: a change to any of this is a new format."""
    assert SPACE.encode(0, SHIPMENT) == "RA378358448MY"
    assert SPACE.encode(99_999_999, SHIPMENT) == "RA113243715MY"


def test_consecutive_serials_write_no_number_twice() -> None:
    numbers = {SPACE.encode(serial, SHIPMENT) for serial in range(50_000)}

    assert len(numbers) == 50_000


def test_one_key_in_two_spaces_writes_other_digits() -> None:
    other = S10(KEY, service="RB", country="MY")
    pairs = [(SPACE.encode(n, SHIPMENT), other.encode(n, SHIPMENT)) for n in range(1_000)]

    assert sum(a[2:10] == b[2:10] for a, b in pairs) <= 1


@pytest.mark.parametrize("serial", [-1, 10**8])
def test_a_serial_outside_the_space_is_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        SPACE.encode(serial, SHIPMENT)


def test_a_shipment_from_another_country_is_refused() -> None:
    with pytest.raises(ShipmentRefusedError, match="must be MY") as refusal:
        SPACE.check(Shipment("ID", "MY"))
    assert refusal.value.parameter == "origin_country_id"

    with pytest.raises(ShipmentRefusedError, match="must be MY"):
        SPACE.encode(1, Shipment("ID", "MY"))


def test_a_shipment_from_its_country_is_taken() -> None:
    SPACE.check(SHIPMENT)

    assert SPACE.encode(1, SHIPMENT).endswith("MY")


@pytest.mark.parametrize("digit", "0123456789")
def test_only_the_right_check_digit_is_taken(digit: str) -> None:
    number = SPACE.encode(1, SHIPMENT)
    typed = number[:10] + digit + number[11:]

    if typed == number:
        assert SPACE.decode(typed).serial == 1
    else:
        with pytest.raises(CheckCharacterError, match="check digit"):
            SPACE.decode(typed)


def test_most_slips_in_the_digits_are_caught() -> None:
    """The weakness is the standard's own: sums of 0 and of 6 have the same digit, 5."""
    slips = missed = 0
    for serial in range(1_000):
        digits = SPACE.encode(serial, SHIPMENT)[2:11]
        for at, right in enumerate(digits):
            for wrong in "0123456789".replace(right, ""):
                slips += 1
                typed = digits[:at] + wrong + digits[at + 1 :]
                missed += check_digit(typed[:8]) == typed[8]

    assert 0.01 < missed / slips < 0.02


@pytest.mark.parametrize(
    "number",
    ["", "RA123456785", "RA12345678MY", "ra123456785my", "RA12345678OMY", "R1123456785MY",
     "RA123456785MYS", "RA123456785MY\n", "RA12345678\u0665MY"],
)  # fmt: skip
def test_another_shape_is_malformed(number: str) -> None:
    with pytest.raises(MalformedNumberError, match="two letters, nine digits"):
        SPACE.decode(number)


@pytest.mark.parametrize("number", ["RB123456785MY", "RA123456785ID"])
def test_a_number_of_another_space_is_refused(number: str) -> None:
    with pytest.raises(MalformedNumberError, match="another service or country"):
        SPACE.decode(number)


def test_options_of_a_series_are_kept() -> None:
    options = KIND.validate({"service": "RA", "country": "MY"}, COUNTRIES)

    assert options == {"service": "RA", "country": "MY"}
    assert KIND.space(options) == "s10:RA:MY"


@pytest.mark.parametrize("first", "JKSTW")
def test_a_service_indicator_that_the_upu_reserves_is_refused(first: str) -> None:
    with pytest.raises(InvalidSeriesError, match=f"{first}A is reserved.*J, K, S, T or W"):
        KIND.validate({"service": first + "A", "country": "MY"}, COUNTRIES)


@pytest.mark.parametrize("first", sorted(set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") - set("JKSTW")))
def test_every_other_first_letter_is_taken(first: str) -> None:
    # The second letter reserves nothing.
    for second in "AJKSTWZ":
        options = {"service": first + second, "country": "MY"}

        assert KIND.validate(options, COUNTRIES) == options


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "a service and a country"),
        ({"service": "RA"}, "a service and a country"),
        ({"service": "RA", "country": "MY", "colour": "red"}, "and nothing else"),
        ({"service": "ra", "country": "MY"}, "two capital letters"),
        ({"service": "R", "country": "MY"}, "two capital letters"),
        ({"service": "R1", "country": "MY"}, "two capital letters"),
        ({"service": "RAA", "country": "MY"}, "two capital letters"),
        ({"service": "RA\n", "country": "MY"}, "two capital letters"),
        ({"service": "RA", "country": "XX"}, "officially assigned"),
        ({"service": "RA", "country": "my"}, "officially assigned"),
        ({"service": "RA", "country": ""}, "officially assigned"),
    ],
)
def test_other_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSeriesError, match=message):
        KIND.validate(options, COUNTRIES)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_a_key_for_aes_256_will_do(length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {length}"):
        S10(bytes(length), service="RA", country="MY")


def test_the_key_is_not_in_what_it_shows_of_itself() -> None:
    space = S10(b"a key of thirty-two bytes, shown", service="RA", country="MY")

    assert "thirty" not in repr(space)
