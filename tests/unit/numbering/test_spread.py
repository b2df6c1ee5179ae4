"""Consecutive serials must look like nothing of the kind: statistics under a fixed key."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tracking_service.numbering import Format, Pattern, Shipment, parse
from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.builtin import ROUTED

KEY = bytes(range(32))
SERIALS = 100_000
LEAST = 0.001
"""The chance below which something is found."""
SHIPMENT = Shipment("MY", "ID")
PATTERNS = [
    *(pytest.param(parse("D{body:10}{check}", name), id=name) for name in ALPHABETS),
    pytest.param(ROUTED, id="routed"),
]


def numbers(pattern: Pattern, shipment: Shipment = SHIPMENT) -> list[str]:
    written = Format(pattern, KEY).encode_many(0, SERIALS, shipment).decode("ascii")
    return [written[at : at + pattern.width] for at in range(0, len(written), pattern.width)]


def chi_squared(texts: Sequence[str], at: int, characters: str) -> float:
    """How far the characters at one place are from being equally frequent."""
    expected = len(texts) / len(characters)
    counts = Counter(text[at] for text in texts)
    return sum((counts[character] - expected) ** 2 / expected for character in characters)


def chance_of(statistic: float, freedom: int) -> float:
    """How likely chi-squared is to be as large, by Wilson and Hilferty's approximation.

    https://doi.org/10.1073/pnas.17.12.684
    """
    spread = 2 / (9 * freedom)
    deviation = ((statistic / freedom) ** (1 / 3) - 1 + spread) / math.sqrt(spread)
    return math.erfc(deviation / math.sqrt(2)) / 2


def like_neighbours(texts: Sequence[str]) -> int:
    """How many neighbours begin with the same two characters."""
    return sum(a[:2] == b[:2] for a, b in pairwise(texts))


def at_least(count: int, mean: float) -> float:
    """The chance of `count` or more where `mean` are expected (Poisson)."""
    below = math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count)
    )
    return 1 - below


def bodies(pattern: Pattern, shipment: Shipment = SHIPMENT) -> list[str]:
    start = pattern.places[pattern.parts.index(pattern.serial)]
    return [number[start : start + pattern.serial.width] for number in numbers(pattern, shipment)]


def test_the_chance_is_that_of_the_tables() -> None:
    for critical, freedom in ((27.877, 9), (54.052, 26), (61.098, 31), (66.619, 35)):
        assert chance_of(critical, freedom) == pytest.approx(0.001, rel=0.1)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_characters_of_bodies_are_even(pattern: Pattern) -> None:
    characters, texts = pattern.alphabet.characters, bodies(pattern)
    found = sum(chi_squared(texts, at, characters) for at in range(pattern.serial.width))

    assert chance_of(found, pattern.serial.width * (len(characters) - 1)) > LEAST


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_check_characters_are_even(pattern: Pattern) -> None:
    characters = pattern.alphabet.characters

    assert chance_of(chi_squared(numbers(pattern), -1, characters), len(characters) - 1) > LEAST


@pytest.mark.parametrize("pattern", PATTERNS)
def test_neighbours_begin_alike_no_more_often_than_chance(pattern: Pattern) -> None:
    count = like_neighbours(bodies(pattern))

    assert at_least(count, (SERIALS - 1) / pattern.alphabet.radix**2) > 0.001


def test_the_same_serials_under_another_prefix_are_as_even_and_unlike_the_first() -> None:
    first, second = bodies(ROUTED), bodies(ROUTED, Shipment("MY", "SG"))
    characters = ROUTED.alphabet.characters

    assert chance_of(sum(chi_squared(second, at, characters) for at in range(11)), 341) > LEAST
    assert not set(first) & set(second)


def test_bare_serials_would_be_found_out() -> None:
    clear = parse("{serial:11}", "base36")
    texts = numbers(clear)

    assert chance_of(chi_squared(texts, 7, clear.alphabet.characters), 35) < LEAST
    assert at_least(like_neighbours(texts), (SERIALS - 1) / 36**2) < 0.001
