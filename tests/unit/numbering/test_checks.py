"""Check characters, beside python-stdnum, the standards' own examples and their promises."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import damm, luhn, verhoeff
from stdnum.iso7064 import mod_11_10, mod_37_2, mod_37_36

from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.checks import (
    CHECKS,
    DEFAULT_CHECKS,
    SUBSTITUTIONS,
    CheckAlgorithm,
)

CROCKFORD = ALPHABETS["crockford"].characters
CONSONANTS = ALPHABETS["consonants"].characters


def s10(digits: str) -> str:
    """As the standard words it."""
    total = sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    return {10: "0", 11: "5"}.get(11 - total % 11, str(11 - total % 11))


ORACLES: dict[str, Callable[[str], str]] = {
    "mod-11-10": mod_11_10.calc_check_digit,
    "mod-33-32": lambda text: mod_37_36.calc_check_digit(text, alphabet=CROCKFORD),
    "mod-37-36": mod_37_36.calc_check_digit,
    "mod-27-2": lambda text: mod_37_2.calc_check_digit(text, alphabet=CONSONANTS),
    "luhn": luhn.calc_check_digit,
    "damm": damm.calc_check_digit,
    "verhoeff": verhoeff.calc_check_digit,
    "s10": s10,
}
EVERY = pytest.mark.parametrize("name", CHECKS)
# The share of swaps of unlike neighbours that is missed, in per cent: what `catches` says.
MISSED = {
    "mod-11-10": 2.2,
    "mod-33-32": 0.2,
    "mod-37-36": 0.16,
    "mod-27-2": 0,
    "luhn": 2.2,
    "damm": 0,
    "verhoeff": 0,
    "s10": 2,
}


def texts(algorithm: CheckAlgorithm) -> st.SearchStrategy[str]:
    least, most = algorithm.length or 1, algorithm.length or 40
    return st.text(algorithm.alphabet.characters, min_size=least, max_size=most)


@EVERY
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_an_implementation_by_others_agrees(name: str, data: st.DataObject) -> None:
    text = data.draw(texts(CHECKS[name]))

    assert ORACLES[name](text) == CHECKS[name].check_character(text)


@pytest.mark.parametrize(
    "name, text, expected",
    [
        # ISO/IEC 7064; a GRid from its handbook; both check characters of an ISAN.
        ("mod-11-10", "0794", "5"),
        ("mod-37-36", "A12425GABC1234002", "M"),
        ("mod-37-36", "00000000D07A0090", "Q"),
        ("mod-37-36", "00000000D07A009000000000", "X"),
        # The example of ISO/IEC 7812-1; Damm's thesis; Verhoeff's.
        ("luhn", "7992739871", "3"),
        ("damm", "572", "4"),
        ("verhoeff", "236", "3"),
        ("s10", "47312482", "9"),
        ("s10", "12345678", "5"),
        ("s10", "00071761", "8"),
        ("s10", "96633102", "0"),
    ],
)
def test_published_numbers_have_their_check_character(name: str, text: str, expected: str) -> None:
    assert expected == CHECKS[name].check_character(text)


@EVERY
def test_every_substitution_is_caught_where_it_is_promised(name: str) -> None:
    algorithm = CHECKS[name]
    chance = random.Random(7064)
    slips = missed = 0
    for _ in range(300):
        text = "".join(chance.choices(algorithm.alphabet.characters, k=algorithm.length or 15))
        right = algorithm.check_character(text)
        # Another check character is always wrong.
        slips += algorithm.alphabet.radix - 1
        for at, typed in enumerate(text):
            for wrong in algorithm.alphabet.characters.replace(typed, ""):
                slips += 1
                missed += right == algorithm.check_character(text[:at] + wrong + text[at + 1 :])

    if SUBSTITUTIONS in algorithm.catches:
        assert 0 == missed
    else:
        assert "1.6 % of wrong" in algorithm.catches
        assert 0.01 < missed / slips < 0.02


@EVERY
def test_as_many_swaps_are_missed_as_it_says(name: str) -> None:
    algorithm, chance = CHECKS[name], random.Random(7064)
    length = algorithm.length or 15
    swaps = missed = 0
    for _ in range(10_000):
        text = "".join(chance.choices(algorithm.alphabet.characters, k=length))
        number = text + algorithm.check_character(text)
        at = chance.randrange(length)
        if number[at] != number[at + 1]:
            swaps += 1
            swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
            missed += algorithm.check_character(swapped[:-1]) == swapped[-1]
    percent = 100 * missed / swaps

    if MISSED[name]:
        assert 0.4 * MISSED[name] < percent < 2 * MISSED[name]
    else:
        assert "every swap" in algorithm.catches
        assert 0 == percent


def test_every_alphabet_has_a_check_algorithm() -> None:
    assert {
        "digits": "mod-11-10",
        "base36": "mod-37-36",
        "crockford": "mod-33-32",
        "consonants": "mod-27-2",
    } == {name: check.name for name, check in DEFAULT_CHECKS.items()}


@EVERY
@pytest.mark.parametrize("text", ["my", "M-Y", "M Y", "É", "\u0661"])
def test_other_characters_are_refused(name: str, text: str) -> None:
    with pytest.raises(KeyError):
        CHECKS[name].check_character(text)
