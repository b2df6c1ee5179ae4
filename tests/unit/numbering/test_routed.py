"""The routed format."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import CheckCharacterError, MalformedNumberError
from tracking_service.numbering import iso7064
from tracking_service.numbering.base36 import ALPHABET
from tracking_service.numbering.format import Decoded, Shipment
from tracking_service.numbering.routed import Routed

KEY = bytes(range(32))
ROUTED = Routed(KEY)
SHIPMENT = Shipment("MY", "ID")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COUNTRIES = st.text(LETTERS, min_size=2, max_size=2)


def neighbours_swapped(number: str, at: int) -> str:
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


@settings(max_examples=500, deadline=None)
@given(serial=st.integers(0, 36**11 - 1), origin=COUNTRIES, destination=COUNTRIES)
def test_a_number_says_its_serial_and_its_countries(
    serial: int, origin: str, destination: str
) -> None:
    number = ROUTED.encode(serial, Shipment(origin, destination))

    assert re.fullmatch(r"[A-Z]{4}[0-9A-Z]{12}", number)
    assert number.startswith(origin + destination)
    assert ROUTED.decode(number) == Decoded(serial, origin, destination)


def test_numbers_stay_what_they_are_for_ever() -> None:
    """Parcels carry them: a change to any of this is a new format."""
    assert ROUTED.encode(0, SHIPMENT) == "MYIDJMG2QCADCQI1"
    assert ROUTED.encode(10_000, SHIPMENT) == "MYIDQ4OFYFD4I437"
    assert ROUTED.encode(36**11 - 1, Shipment("SG", "DE")) == "SGDEFLKVJ11NQE0E"


@pytest.mark.parametrize("serial", [-1, 36**11])
def test_a_serial_outside_the_space_is_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        ROUTED.encode(serial, SHIPMENT)


def test_every_pair_of_countries_may_be_written() -> None:
    for shipment in (SHIPMENT, Shipment("ID", "MY"), Shipment("MY", "MY")):
        ROUTED.check(shipment)

        assert ROUTED.encode(1, shipment)[:4] == shipment.origin + shipment.destination


def test_many_series_write_no_number_twice() -> None:
    """Series own disjoint ranges of one space's serials, and share every prefix."""
    shipments = [Shipment(a, b) for a in ("MY", "ID", "DE") for b in ("MY", "ID", "DE")]
    serials = [series * 10**13 + at for series in (0, 1, 2, 500, 13_161) for at in range(500)]
    series_of = {
        ROUTED.encode(serial, shipment): serial // 10**13
        for serial in serials
        for shipment in shipments
    }

    assert len(series_of) == len(serials) * len(shipments)
    assert all(
        ROUTED.decode(number).serial // 10**13 == series for number, series in series_of.items()
    )


def test_a_body_under_another_prefix_is_noise() -> None:
    bodies = [ROUTED.encode(serial, SHIPMENT)[4:15] for serial in range(1_000)]
    altered = ["MYIE" + body for body in bodies]
    decoded = [ROUTED.decode(text + iso7064.check_character(text)) for text in altered]

    assert all(each.destination == "IE" for each in decoded)
    assert not [each for each in decoded if each.serial < 10**13]


def test_another_key_reads_noise() -> None:
    other = Routed(bytes(32))

    assert other.decode(ROUTED.encode(7, SHIPMENT)).serial > 10**13


def test_every_substitution_is_caught() -> None:
    for serial in range(1_000):
        number = ROUTED.encode(serial, SHIPMENT)
        for at, right in enumerate(number):
            for wrong in ALPHABET:
                if wrong != right:
                    with pytest.raises(CheckCharacterError):
                        ROUTED.decode(number[:at] + wrong + number[at + 1 :])


def test_nearly_every_swap_of_unlike_neighbours_is_caught() -> None:
    swaps = missed = 0
    for serial in range(10_000):
        number = ROUTED.encode(serial, SHIPMENT)
        for at in range(15):
            if number[at] != number[at + 1]:
                swaps += 1
                missed += iso7064.is_valid(neighbours_swapped(number, at))

    assert swaps > 140_000
    assert missed / swaps < 0.005


def test_invented_numbers_are_never_among_ten_million_leased() -> None:
    """By chance it would take 13 billion of them to hit one."""
    draw = random.Random(20_260)
    for _ in range(100_000):
        prefix = draw.choice(["MYID", "".join(draw.choices(LETTERS, k=4))])
        text = prefix + "".join(draw.choices(ALPHABET, k=11))
        decoded = ROUTED.decode(text + iso7064.check_character(text))

        assert decoded.serial >= 10_000_000


@pytest.mark.parametrize(
    "number",
    ["", "MYID", "MYID0000000000000", "MYID00000000000", "myid000000000000", "MYID 00000000000"],
)
def test_another_shape_is_malformed(number: str) -> None:
    with pytest.raises(MalformedNumberError):
        ROUTED.decode(number)


def test_the_newline_after_a_number_is_not_overlooked() -> None:
    with pytest.raises(MalformedNumberError):
        ROUTED.decode(ROUTED.encode(1, SHIPMENT) + "\n")


def test_digits_for_countries_are_malformed_even_with_a_right_check_character() -> None:
    text = "M1ID00000000000"

    with pytest.raises(MalformedNumberError, match="two country codes"):
        ROUTED.decode(text + iso7064.check_character(text))


def test_a_digit_typed_into_the_prefix_is_a_wrong_character() -> None:
    number = ROUTED.encode(1, SHIPMENT)

    with pytest.raises(CheckCharacterError):
        ROUTED.decode("MY1D" + number[4:])


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_a_key_for_aes_256_will_do_and_it_is_not_shown(length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {length}") as refusal:
        Routed((b"SECRET" * 6)[:length])

    assert "SECRET" not in str(refusal.value)


def test_the_key_is_not_in_what_it_shows_of_itself() -> None:
    shown = repr(Routed(b"a key of thirty-two bytes, shown"))

    assert "thirty" not in shown
    assert b"thirty".hex() not in shown
