"""The patterns that have a name."""

from pathlib import Path

import pytest

from tracking_service.errors import InvalidSeriesError
from tracking_service.numbering import Format, Pattern, Shipment, parse
from tracking_service.numbering.alphabets import ALPHABETS
from tracking_service.numbering.builtin import (
    BUILT_IN,
    FORMER_ROUTED,
    ROUTED,
    built_in,
    built_in_name,
    default_block_size,
    default_serials,
    is_built_in,
)
from tracking_service.numbering.checks import CHECKS

COUNTRIES = frozenset({"MY", "ID", "DE"})
MALAYSIA = {"service": "RA", "country": "MY"}
OPTIONS = {"routed": {}, "s10": MALAYSIA}


def test_each_name_is_a_pattern_and_each_pattern_knows_its_name() -> None:
    assert set(OPTIONS) == set(BUILT_IN)
    for name, options in OPTIONS.items():
        assert name == built_in_name(built_in(name, options, COUNTRIES))
    assert "routed" == built_in_name(FORMER_ROUTED)
    assert built_in_name(parse("RA{body:8}{check}{origin:MY}", "digits", "luhn")) is None


def test_they_are_these() -> None:
    assert ROUTED == parse("{origin}{destination}{body:11}{check}", "crockford", "mod-33-32")
    assert FORMER_ROUTED == parse("{origin}{destination}{body:11}{check}", "base36", "mod-37-36")
    assert built_in("s10", MALAYSIA, COUNTRIES) == parse(
        "RA{body:8}{check}{origin:MY}", "digits", "s10"
    )


def test_numbers_of_the_first_version_stay_what_they_are_for_ever() -> None:
    key = bytes(range(32))
    routed, post = Format(FORMER_ROUTED, key), Format(built_in("s10", MALAYSIA, COUNTRIES), key)
    shipment = Shipment("MY", "ID")

    assert "MYIDJMG2QCADCQI1" == routed.encode(0, shipment)
    assert "MYIDQ4OFYFD4I437" == routed.encode(10_000, shipment)
    assert "SGDEFLKVJ11NQE0E" == routed.encode(36**11 - 1, Shipment("SG", "DE"))
    assert "RA378358448MY" == post.encode(0, shipment)
    assert "RA113243715MY" == post.encode(99_999_999, shipment)


@pytest.mark.parametrize("first", "JKSTW")
def test_a_service_indicator_that_the_upu_reserves_is_refused(first: str) -> None:
    with pytest.raises(InvalidSeriesError, match=f"{first}A is reserved.*J, K, S, T or W"):
        built_in("s10", {"service": first + "A", "country": "MY"}, COUNTRIES)


@pytest.mark.parametrize("first", sorted(set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") - set("JKSTW")))
def test_every_other_first_letter_is_taken(first: str) -> None:
    # The second letter reserves nothing.
    for second in "AJKSTWZ":
        options = {"service": first + second, "country": "MY"}

        assert built_in("s10", options, COUNTRIES).text.startswith(first + second)


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
        built_in("s10", options, COUNTRIES)


def test_a_routed_series_takes_no_options() -> None:
    with pytest.raises(InvalidSeriesError, match="takes no country or service"):
        built_in("routed", MALAYSIA, COUNTRIES)


def test_a_series_has_all_of_a_small_space_and_a_part_of_a_large_one() -> None:
    post = built_in("s10", MALAYSIA, COUNTRIES)

    assert (10**13, 10**8) == (default_serials(ROUTED), default_serials(post))
    assert 3_602 == ROUTED.capacity // 10**13
    assert 13_162 == FORMER_ROUTED.capacity // 10**13


@pytest.mark.parametrize(
    "pattern, serials, expected",
    [
        (ROUTED, 10**13, 10_000),
        (ROUTED, 10**8, 10_000),
        (ROUTED, 10**6, 100),
        (ROUTED, 25, 1),
        (built_in("s10", MALAYSIA, COUNTRIES), 10**8, 1_000),
    ],
)
def test_a_small_series_has_small_blocks(pattern: Pattern, serials: int, expected: int) -> None:
    assert expected == default_block_size(pattern, serials)


def test_the_docs_show_numbers_that_are_written_so() -> None:
    routed, post = (
        Format(ROUTED, bytes(range(32))),
        Format(built_in("s10", MALAYSIA, COUNTRIES), bytes(range(32))),
    )
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    shown = {"".join(line.split()[:4]) for line in page.splitlines() if line.startswith("    ")}

    assert routed.encode(0, Shipment("MY", "ID")) in shown
    assert post.encode(0, Shipment("MY", "ID")) in shown
    for name in (*ALPHABETS, *CHECKS):
        assert f"`{name}`" in page


@pytest.mark.parametrize(
    "number, expected",
    [
        ("MYIDTXWMM2GZR5H5", True),
        ("MYIDJMG2QCADCQI1", True),
        ("RA378358448MY", True),
        ("MYIDTXWMM2GZR5H6", False),
        ("RA378358449MY", False),
        ("RA37835844OMY", False),
        ("MYID", False),
        ("", False),
    ],
)
def test_a_built_in_number_is_known_without_a_series(number: str, expected: bool) -> None:
    assert expected is is_built_in(number)
