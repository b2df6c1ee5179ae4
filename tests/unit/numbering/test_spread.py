"""Consecutive serials must look like nothing of the kind: statistics under a fixed key."""

import math
from collections import Counter
from itertools import pairwise

from tracking_service.numbering.base36 import ALPHABET, base36
from tracking_service.numbering.format import Shipment
from tracking_service.numbering.routed import Routed

ROUTED = Routed(bytes(range(32)))
SERIALS = 100_000
# The chi-squared distribution with 35 degrees of freedom exceeds this with p = 0.001.
CRITICAL = 66.619


def bodies(origin: str, destination: str) -> list[str]:
    shipment = Shipment(origin, destination)
    return [ROUTED.encode(serial, shipment)[4:15] for serial in range(SERIALS)]


def chi_squared(texts: list[str], at: int) -> float:
    """How far the characters at one place are from being equally frequent."""
    expected = len(texts) / 36
    counts = Counter(text[at] for text in texts)
    return sum((counts[character] - expected) ** 2 / expected for character in ALPHABET)


def like_neighbours(texts: list[str]) -> int:
    """How many neighbours begin with the same two characters."""
    return sum(a[:2] == b[:2] for a, b in pairwise(texts))


def at_least(count: int, mean: float) -> float:
    """The chance of `count` or more where `mean` are expected (Poisson)."""
    below = math.fsum(
        math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count)
    )
    return 1 - below


def test_every_place_of_the_body_is_even() -> None:
    texts = bodies("MY", "ID")
    found = {at: chi_squared(texts, at) for at in range(11)}

    assert {at: value for at, value in found.items() if value >= CRITICAL} == {}


def test_neighbours_begin_alike_no_more_often_than_chance() -> None:
    count = like_neighbours(bodies("MY", "ID"))

    assert at_least(count, (SERIALS - 1) / 36**2) > 0.001


def test_the_same_serials_under_another_prefix_are_as_even_and_unlike_the_first() -> None:
    first, second = bodies("MY", "ID"), bodies("MY", "SG")

    assert max(chi_squared(second, at) for at in range(11)) < CRITICAL
    assert not set(first) & set(second)


def test_the_last_character_of_numbers_is_even() -> None:
    checks = [ROUTED.encode(serial, Shipment("MY", "ID"))[15] for serial in range(SERIALS)]

    assert chi_squared(checks, 0) < CRITICAL


def test_bare_serials_would_be_found_out() -> None:
    texts = [base36(serial, 11) for serial in range(SERIALS)]

    assert chi_squared(texts, 7) > CRITICAL
    assert at_least(like_neighbours(texts), (SERIALS - 1) / 36**2) < 0.001
