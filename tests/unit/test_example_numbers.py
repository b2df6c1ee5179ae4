"""The numbers that README, the docs and the API's description show could have been issued."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tracking_service.numbering.builtin import ROUTED

PACKAGE = ROOT / "tracking_service"
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    PACKAGE / "api" / "pages" / "openapi.json",
    PACKAGE / "client" / "spool_format.py",
]
NUMBER = re.compile(r"\bMYID[0-9A-Z]{12}\b")
SAID_TO_BE_WRONG = re.compile(rf"the check character of ({NUMBER.pattern}) is wrong")


def wrong(text: str) -> set[str]:
    """The numbers that no database of today writes, but for those that the text says are wrong."""
    numbers = {*NUMBER.findall(text)} - {*SAID_TO_BE_WRONG.findall(text)}
    return {
        number
        for number in numbers
        if not (ROUTED.shape.fits(number) and ROUTED.checker.is_right(number))
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_number_that_is_shown_has_a_right_check_character(page: Path) -> None:
    assert set() == wrong(page.read_text(encoding="utf-8"))


def test_numbers_are_shown_where_they_are_looked_for() -> None:
    shown = {page.name for page in PAGES if NUMBER.search(page.read_text(encoding="utf-8"))}

    assert {"README.md", "security.md", "operations.md", "openapi.json", "spool_format.py"} <= shown


@pytest.mark.parametrize(
    "number", ["MYIDTXWMM2GZR5H6", "MYIDBEP6D2FH5S2M", "MYID0KW11FZRMRTE", "MYIDM9VJ8HFLKACY"]
)
def test_a_number_with_another_check_character_or_alphabet_is_found_out(number: str) -> None:
    assert {number} == wrong(f"curl http://127.0.0.1:8000/api/tracking-numbers/{number}")
    assert set() == wrong(f"{number}: the check character of {number} is wrong")
