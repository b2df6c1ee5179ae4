"""Which refused numbers look like a slip of the fingers."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.errors import NumberError
from tracking_service.numbering import (
    FORMATS,
    Format,
    Shipment,
    iso7064,
    looks_like_typing_error,
    space_of,
)
from tracking_service.numbering.base36 import ALPHABET

KEY = bytes(range(32))
ROUTED = FORMATS["routed"].build(KEY, {})
S10 = FORMATS["s10"].build(KEY, {"service": "RA", "country": "MY"})
SHIPMENT = Shipment("MY", "ID")
LEASED = 10_000_000


def leased_in(spaces: dict[str, Format], leased: int) -> Callable[[str], bool]:
    """What issuing knows in memory: serials below the high-water mark have been leased."""

    def plausible(number: str) -> bool:
        try:
            return spaces[space_of(number)].decode(number).serial < leased
        except (NumberError, KeyError):
            return False

    return plausible


PLAUSIBLE = leased_in({"routed": ROUTED, "s10:RA:MY": S10}, LEASED)


@settings(max_examples=60, deadline=None)
@given(serial=st.integers(0, LEASED - 1), at=st.integers(0, 15), data=st.data())
def test_one_wrong_character_in_a_leased_number_looks_like_it(
    serial: int, at: int, data: st.DataObject
) -> None:
    number = ROUTED.encode(serial, SHIPMENT)
    wrong = data.draw(st.sampled_from(ALPHABET.replace(number[at], "")))

    assert looks_like_typing_error(number[:at] + wrong + number[at + 1 :], PLAUSIBLE)


@pytest.mark.parametrize("at", range(15))
def test_swapped_neighbours_in_a_leased_number_look_like_it(at: int) -> None:
    for serial in range(3):
        number = ROUTED.encode(serial, SHIPMENT)
        swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]

        assert (swapped == number) != looks_like_typing_error(swapped, PLAUSIBLE)


def test_two_wrong_characters_do_not_look_like_it() -> None:
    number = ROUTED.encode(1, SHIPMENT)
    typed = "ID" + number[2:14] + "00"

    assert not looks_like_typing_error(typed, PLAUSIBLE)


def test_a_wrong_character_in_a_number_never_leased_does_not_look_like_it() -> None:
    """Its check character could be mended in many ways, none of which leads to a real number."""
    number = ROUTED.encode(LEASED, SHIPMENT)
    typed = number[:7] + ("0" if number[7] != "0" else "1") + number[8:]
    by_check_alone = sum(
        iso7064.is_valid(typed[:at] + character + typed[at + 1 :])
        for at in range(16)
        for character in ALPHABET
    )

    assert by_check_alone > 10
    assert not looks_like_typing_error(typed, PLAUSIBLE)


def test_a_letter_among_the_digits_of_s10_looks_like_it() -> None:
    sparse = leased_in({"s10:RA:MY": S10}, 1_000)
    number = S10.encode(1, SHIPMENT)

    assert looks_like_typing_error(number[:5] + "O" + number[6:], sparse)


def test_a_crowded_space_says_nothing() -> None:
    """With every serial leased, several of the neighbours are numbers."""
    crowded = leased_in({"s10:RA:MY": S10}, 10**8)
    number = S10.encode(1, SHIPMENT)
    typed = number[:10] + str((int(number[10]) + 1) % 10) + number[11:]

    assert not looks_like_typing_error(typed, crowded)


@pytest.mark.parametrize(
    "mends, expected",
    [
        (set(), False),
        ({"AB"}, False),
        ({"BA"}, True),
        ({"AC"}, True),
        ({"0B"}, True),
        ({"BA", "AC"}, False),
        ({"BC"}, False),
        ({"A", "ABC", "ab"}, False),
    ],
)
def test_exactly_one_mend_must_be_plausible(mends: set[str], expected: bool) -> None:
    assert looks_like_typing_error("AB", mends.__contains__) is expected


@pytest.mark.parametrize("foreign", ["$", ".", "_", "?", "Ö", "+", "ß", "ſ", "٣", "\ud800", "\0"])
@pytest.mark.parametrize("at", [0, 5, 15])
def test_a_character_that_no_number_has_looks_like_it(foreign: str, at: int) -> None:
    number = ROUTED.encode(7, SHIPMENT)

    assert looks_like_typing_error(number[:at] + foreign + number[at + 1 :], PLAUSIBLE)


def test_it_reads_as_kindly_as_the_number_is_read() -> None:
    number = ROUTED.encode(7, SHIPMENT).lower()

    assert looks_like_typing_error(f" {number[:4]}-{number[4:6]}$ {number[7:]} ", PLAUSIBLE)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda number: number + "$",
        lambda number: "$" + number,
        lambda number: number[:7] + number[8:],
        lambda number: number[:7] + "$" + number[9:],
        lambda number: number[:7] + "-" + number[8:],
        lambda number: number[:7] + "SS" + number[8:],
        lambda number: number[:7] + "$$" + number[9:],
        lambda number: "ÖÖ" + number[2:],
    ],
)
def test_one_character_too_many_or_too_few_or_two_wrong_ones_do_not(
    spoilt: Callable[[str], str],
) -> None:
    assert not looks_like_typing_error(spoilt(ROUTED.encode(7, SHIPMENT)), PLAUSIBLE)


@pytest.mark.parametrize("typed, most", [("MYID7K2M0QX4C9T$", 36), ("MYID7K2M0QX4C9$$", 0)])
def test_only_in_its_place_is_a_foreign_character_mended(typed: str, most: int) -> None:
    asked: list[str] = []

    def note(candidate: str) -> bool:
        asked.append(candidate)
        return False

    looks_like_typing_error(typed, note)

    assert [typed[:-1] + character for character in ALPHABET][:most] == asked


def test_each_mend_is_asked_once_and_no_more_than_575() -> None:
    asked: list[str] = []

    def note(candidate: str) -> bool:
        asked.append(candidate)
        return False

    looks_like_typing_error("MYID7K2M0QX4C9TU", note)

    assert len(asked) == len(set(asked)) == 16 * 35 + 15
    assert "MYID7K2M0QX4C9TU" not in asked


def test_a_text_too_long_for_a_number_costs_nothing() -> None:
    def refuse(candidate: str) -> bool:
        raise AssertionError(candidate)

    assert not looks_like_typing_error("A" * 17, refuse)
    assert not looks_like_typing_error("A" * 1_000_000, refuse)
    assert not looks_like_typing_error("$" * 1_000_000, refuse)
    assert not looks_like_typing_error("", refuse)
