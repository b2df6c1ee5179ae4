"""The operator's page, in a real Chromium: what the instances hold, live, and with keys required."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.instance import Instance
from tests.system.conftest import DESK, PHONE, OpenPage, violations


def test_a_pattern_is_shown_as_one_types_it(watched: OpenPage) -> None:
    page = watched().open("/fleet")
    page.get_by_label("Pattern of a series").press_sequentially("RB{body:9}{check}")
    page.get_by_label("Alphabet").select_option("digits")
    shown = page.locator("#previewed")

    expect(shown).to_contain_text(re.compile(r"\bRB[0-9]{10}\b"))
    expect(shown).to_contain_text("1,000,000,000")


def test_a_pattern_that_is_none_is_told_with_its_place(watched: OpenPage) -> None:
    page = watched(expected=("/api/series-preview",)).open("/fleet")
    page.get_by_label("Pattern of a series").fill("RB{body:9}[check}")

    expect(page.locator("#previewed strong")).to_have_text("No such pattern")
    expect(page.locator("#previewed")).to_contain_text("character 11")


def test_what_the_instance_holds_is_live(migrated_sqlite_url: str, watched: OpenPage) -> None:
    one = watched()
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as one.instance:
        page = one.open("/fleet")
        rows = page.locator("#series-rows tr")
        expect(rows.first).to_contain_text("10,000")
        expect(page.locator("#lease-rows tr").first).to_contain_text("0 – 9,999")
        expect(page.locator("#ready")).to_have_text("Ready")
        one.instance.number()

        expect(rows.first).to_contain_text("1 – 9,999")


def test_an_instance_that_is_gone_is_told(migrated_sqlite_url: str, watched: OpenPage) -> None:
    one = watched(expected=("/api/status",))
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as one.instance:
        page = one.open("/fleet")
        expect(page.locator("#ready")).to_have_text("Ready")
        one.instance.kill()

        expect(page.locator("#ready")).to_have_text("No answer")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    watched: OpenPage, size: tuple[int, int], dark: bool
) -> None:
    page = watched(size=size, dark=dark).open("/fleet")
    page.get_by_label("Pattern of a series").fill("RB{body:9}{check}")
    expect(page.locator("#previewed strong")).to_be_visible()
    expect(page.locator("#lease-rows time")).to_have_count(1)
    width: int = page.evaluate("document.documentElement.scrollWidth")

    assert width <= size[0]
    assert "" == violations(page)
