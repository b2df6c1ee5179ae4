"""The list of numbers that a clerk checks, in a real Chromium: scanned one by one, or pasted."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.client import NEXT_NUMBER
from tests.support.instance import Instance
from tests.support.numbers import completed
from tests.system.clerk import ask, check, scan
from tests.system.conftest import OpenPage

READ = "/api/tracking-numbers/"
FORMULA = "=1+1"


def field_of(page: Page) -> None:
    page.get_by_label("Tracking numbers", exact=True).focus()


def test_a_hundred_scans_in_a_row_are_all_checked(watched: OpenPage) -> None:
    one = watched()
    page = one.open()
    numbers = [one.instance.number() for _ in range(100)]
    field_of(page)
    scan(page, *numbers)

    expect(page.locator("#list-state")).to_have_text("100 numbers: 100 issued.")
    expect(page.get_by_label("Tracking numbers", exact=True)).to_be_focused()
    expect(page.get_by_label("Tracking numbers", exact=True)).to_have_value("")
    shown = page.locator("#list-rows td:first-child").all_inner_texts()
    assert numbers[::-1] == [text.strip() for text in shown]


def test_a_pasted_list_is_explained_line_by_line(watched: OpenPage) -> None:
    page = watched(expected=(READ,)).open()
    number = ask(page)
    typo = number[:14] + ("7" if number[14] != "7" else "8") + number[15:]
    unknown = completed("MYIDAAAAAAAAAAA")
    pasted = [number.lower(), typo, number[:9] + number[10:], number + "77", unknown, "MY?D"]
    check(page, "\n".join(pasted))
    expect(page.locator("#list-state")).to_contain_text("6 numbers")
    expect(page.locator("#list-state")).not_to_contain_text("waiting")
    rows = page.locator("#list-rows tr").all_inner_texts()[::-1]

    for row, text in zip(
        rows,
        [
            f"{number}.*Issued.*from Malaysia to Indonesia",
            "Likely typo.*label again",
            "15 characters, one is missing",
            "18 characters, 2 too many",
            "Unknown.*no such number was ever issued",
            r"Character 3 is \?, which no number has",
        ],
        strict=True,
    ):
        assert re.search(text, row, re.DOTALL), row


def test_the_list_can_be_downloaded_and_does_no_harm(watched: OpenPage, tmp_path: Path) -> None:
    page = watched(expected=(READ,)).open()
    number = ask(page)
    check(page, f"{number}\n{FORMULA}")
    expect(page.locator("#list-state")).to_contain_text("1 not a tracking number")
    with page.expect_download() as download:
        page.locator("#save-list").click()
    path = tmp_path / "list.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))

    assert "checked-numbers.csv" == download.value.suggested_filename
    assert [number, "'=1+1"] == [row["scanned"] for row in rows]
    assert ["Issued", "Not a tracking number"] == [row["answer"] for row in rows]
    assert "MY" == rows[0]["origin"]


def test_the_next_scan_after_a_download_is_checked(watched: OpenPage) -> None:
    one = watched()
    page = one.open()
    check(page, one.instance.number())
    with page.expect_download():
        page.locator("#save-list").click()
    expect(page.get_by_label("Tracking numbers", exact=True)).to_be_focused()
    scan(page, one.instance.number())

    expect(page.locator("#list-state")).to_have_text("2 numbers: 2 issued.")


def test_a_number_of_the_history_is_added_and_the_field_keeps_its_text(watched: OpenPage) -> None:
    page = watched().open()
    number = ask(page)
    field = page.get_by_label("Tracking numbers", exact=True)
    field.fill("half a list")
    page.locator("#history-rows button").first.click()
    expect(page.locator("#list-rows")).to_contain_text(number)
    page.locator("#check-number").click()
    expect(page.locator("#list-rows tr")).to_have_count(2)

    expect(field).to_have_value("half a list")


def test_numbers_are_found_in_quotes_and_between_blanks_and_twice(watched: OpenPage) -> None:
    one = watched()
    page = one.open()
    first, second = one.instance.number(), one.instance.number()
    spaced = f"{first[:4]} {first[4:8]} {first[8:]}"
    check(page, f'"{first}" {second}\n"{second}";{spaced}')

    expect(page.locator("#list-state")).to_have_text("4 numbers: 4 issued, 2 listed before.")
    expect(page.locator("#list-rows tr").first).to_contain_text("It is in this list already.")


def test_what_was_not_answered_can_be_asked_again(
    migrated_sqlite_url: str, watched: OpenPage
) -> None:
    one = watched(expected=("/api/",))
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as one.instance:
        page = one.open()
        number = one.instance.number()
        page.route(f"**{READ}*", lambda route: route.abort())
        check(page, number)
        expect(page.locator("#list-state")).to_have_text("1 number: 1 not answered.")
        page.unroute(f"**{READ}*")
        page.get_by_role("button", name="Ask again").click()

        expect(page.locator("#list-state")).to_have_text("1 number: 1 issued.")
        expect(page.get_by_role("button", name="Ask again")).to_be_hidden()


def test_what_a_proxy_does_not_publish_is_not_offered(watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    for path in ("/api/series", READ):
        one.page.route(f"**{path}", lambda route: route.fulfill(status=404))
    page = one.open()

    expect(page.get_by_label("How many")).to_be_hidden()
    expect(page.get_by_label("Series")).to_have_value("default")
    check(page, ask(page))
    expect(page.locator("#checked strong")).to_have_text("Issued")


def test_where_numbers_are_not_published_they_are_not_offered(watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    one.page.route(f"**{NEXT_NUMBER}", lambda route: route.fulfill(status=404))
    page = one.open()

    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator("#check")).to_be_visible()
