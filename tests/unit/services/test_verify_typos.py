"""Verifying what was typed wrong: which refused numbers are told to look like a typing error."""

from collections.abc import Callable

import pytest

from tests.support import numbers
from tests.support.fakes import FakeSeries, FakeSeriesStore
from tracking_service.errors import MalformedNumberError, StoreUnavailableError
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.numbering import Shipment
from tracking_service.records import SeriesRecord
from tracking_service.services.verify import Verifier

SHIPMENT = Shipment("MY", "ID")
ROUTED = FakeSeries("default", next_serial=200)
POST = FakeSeries("post", number_space="post", pattern=numbers.POST, next_serial=100)


def no_block(series: str, serial: int) -> None:
    """A wrong number is none's, so no block is looked up."""
    raise AssertionError((series, serial))


def refused(series: SeriesRecord, slip: Callable[[str], str], *, away: bool = False) -> bool:
    """Whether the number of the series' first serial, so spoilt, looks like a typo."""
    series_store = FakeSeriesStore(series)
    spaces = NumberSpaces(series_store)
    number = spaces.get(series).format.encode(0, SHIPMENT)
    if away:
        series_store.failure = StoreUnavailableError()
    with pytest.raises(MalformedNumberError) as caught:
        Verifier(spaces, no_block, lambda *_: True).verify(slip(number))
    return caught.value.likely_typo is True


def at(place: int, character: str) -> Callable[[str], str]:
    """Replaces one character."""
    return lambda number: number[:place] + character + number[place + 1 :]


def _swapped_check_digit(number: str) -> str:
    return number[:10] + number[11] + number[10] + number[12:]


@pytest.mark.parametrize("slip", [at(4, "B"), _swapped_check_digit])
def test_a_malformed_number_may_be_a_typing_error_too(slip: Callable[[str], str]) -> None:
    """In S10 a letter among the digits spoils the shape, not the check digit."""
    assert refused(POST, slip)


@pytest.mark.parametrize("series", [ROUTED, POST], ids=["routed", "s10"])
@pytest.mark.parametrize("character", ["$", ".", "_", "?", "Ö", "+"])
@pytest.mark.parametrize("place", [0, 5, 10])
def test_a_character_that_no_number_has_may_be_a_slip(
    series: SeriesRecord, character: str, place: int
) -> None:
    assert refused(series, at(place, character))


@pytest.mark.parametrize(
    "slip",
    [
        lambda number: number + "$",
        lambda number: "$" + number,
        lambda number: number[:-2] + "$",
        lambda number: number[:-2] + "$$",
        lambda number: number[:-1],
        lambda number: number + "0",
        lambda number: number * 1_000,
    ],
)
@pytest.mark.parametrize("series", [ROUTED, POST], ids=["routed", "s10"])
def test_more_or_fewer_characters_are_no_substitution(
    series: SeriesRecord, slip: Callable[[str], str]
) -> None:
    assert not refused(series, slip)


def test_without_a_database_it_is_malformed_all_the_same() -> None:
    assert not refused(ROUTED, at(5, "$"), away=True)
