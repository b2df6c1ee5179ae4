"""How a barcode is drawn: bars, quiet zones, text, and as short as Code 128 allows."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from tracking_service.api.barcodes import BAR_MODULES, barcode_svg
from tracking_service.numbering.preview import MODULE_MM

SVG = "{http://www.w3.org/2000/svg}"
QUIET_ZONE = 10
"""Modules of white that Code 128 asks for on either side."""


def drawn(number: str) -> ET.Element:
    return ET.fromstring(barcode_svg(number))


def box(svg: ET.Element) -> tuple[int, int]:
    """Width and height in modules."""
    left, top, width, height = map(int, svg.attrib["viewBox"].split())
    assert (0, 0) == (left, top)
    return width, height


def bars(svg: ET.Element) -> list[tuple[int, int]]:
    """Where each bar begins and ends, in modules."""
    path = svg.findall(f"{SVG}path")[1].attrib["d"]
    found = re.findall(r"M(\d+) 0h(\d+)v(\d+)h-(\d+)z", path)
    assert path == "".join(f"M{x} 0h{w}v{h}h-{back}z" for x, w, h, back in found)
    assert {(str(BAR_MODULES), w) for _, w, _, _ in found} == {(h, b) for _, _, h, b in found}
    return [(int(x), int(x) + int(width)) for x, width, _, _ in found]


@pytest.mark.parametrize(
    "number, symbols",
    [
        # Subset B alone: a symbol a character.
        ("MYIDBEP6D2FH5S2M", 16),
        # B, twice a letter; C, four pairs; B, a digit and two letters.
        ("RA473124829MY", 2 + 1 + 4 + 1 + 3),
        # Subset C alone: a symbol for two digits.
        ("1234567890123452", 8),
        # An odd digit stands first, in subset B.
        ("RB000000000", 3 + 1 + 4),
        ("123456789", 4 + 1 + 1),
    ],
)
def test_it_is_as_short_as_code_128_allows(number: str, symbols: int) -> None:
    width, _ = box(drawn(number))

    # The start, the check and each symbol have eleven modules, the stop has thirteen.
    assert 2 * QUIET_ZONE + 11 * (2 + symbols) + 13 == width


def test_white_is_left_on_either_side_and_below_are_plain_characters() -> None:
    svg = drawn("MYIDBEP6D2FH5S2M")
    width, height = box(svg)
    found = bars(svg)

    assert QUIET_ZONE == found[0][0]
    assert width - QUIET_ZONE == found[-1][1]
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(found))
    text = svg.find(f"{SVG}text")
    assert text is not None
    assert "MYIDBEP6D2FH5S2M" == text.text
    assert BAR_MODULES < float(text.attrib["y"]) < height
    assert "MYIDBEP6D2FH5S2M" == svg.findtext(f"{SVG}title")


def test_it_has_a_size_in_millimetres_and_can_be_scaled() -> None:
    svg = drawn("MYIDBEP6D2FH5S2M")
    width, height = box(svg)

    assert f"{width * MODULE_MM:.2f}mm" == svg.attrib["width"]
    assert f"{height * MODULE_MM:.2f}mm" == svg.attrib["height"]


def test_it_needs_no_style_sheet_and_no_other_file() -> None:
    """Its Content-Security-Policy would have neither."""
    svg = barcode_svg("MYIDBEP6D2FH5S2M").decode()

    assert "style" not in svg
    assert ["http://www.w3.org/2000/svg"] == re.findall(r'\w+://[^"]*', svg)
