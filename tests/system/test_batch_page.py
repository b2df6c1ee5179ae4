"""Many numbers at once on the clerk's page, and the history of a browser, in a real Chromium."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.instance import Instance
from tests.system.clerk import ask, ask_many, fill, send
from tests.system.conftest import OpenPage

BATCHES = "/api/tracking-numbers/"


def copied(page: Page) -> list[str]:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text.split("\n")


def test_ten_thousand_numbers_arrive_and_can_be_copied_and_downloaded(
    watched: OpenPage, tmp_path: Path
) -> None:
    page = watched().open()
    page.evaluate(
        "new MutationObserver(() => (window.said ??= []).push("
        "document.querySelector('#arrived-text').textContent))"
        ".observe(document.querySelector('#arrived-text'), {childList: true})"
    )
    fill(page, customer="=cmd|'/c calc'!A1", count=10_000)
    send(page)
    expect(page.locator("#asked strong")).to_have_text("10,000 numbers")
    page.locator("#copy-numbers").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    numbers = copied(page)
    with page.expect_download() as download:
        page.locator("#save-numbers").click()
    path = tmp_path / "numbers.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))

    assert 10_000 == len(set(numbers))
    assert numbers == [row["tracking_number"] for row in rows]
    assert {"'=cmd|'/c calc'!A1"} == {row["customer"] for row in rows}
    assert "10,000 of 10,000" == page.evaluate("said.at(-1)")


def test_a_retry_after_a_broken_connection_gets_the_same_numbers(watched: OpenPage) -> None:
    page = watched(expected=(BATCHES,)).open()
    keys: list[str | None] = []
    lost: list[str] = []

    def breaks_once(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        keys.append(route.request.headers.get("idempotency-key"))
        answer = route.fetch()
        if len(keys) > 1:
            return route.fulfill(response=answer)
        # The numbers were issued, and the answer does not get through.
        lost.extend(re.findall("MYID[0-9A-Z]{12}", answer.text()))
        return route.abort("connectionreset")

    page.route(f"**{BATCHES}", breaks_once)
    ask_many(page, 5)
    page.locator("#copy-numbers").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    assert 2 == len(keys)
    assert keys[0] is not None
    assert keys[0] == keys[1]
    assert 5 == len(lost)
    assert lost == copied(page)


@pytest.mark.parametrize("by", ["the button", "the form"])
def test_a_batch_that_did_not_arrive_can_be_had_after_the_page_was_closed(
    watched: OpenPage, by: str
) -> None:
    page = watched(expected=(BATCHES,)).open()
    keys = []

    def lose(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        keys.append(route.request.headers.get("idempotency-key"))
        return route.fulfill(status=502)

    page.route(f"**{BATCHES}", lose)
    fill(page, count=3)
    send(page)
    expect(page.locator("#arrived-text")).to_contain_text("Asking again")
    page.reload()
    expect(page.locator("#ask-fault strong")).to_have_text("Numbers that have not arrived")
    page.unroute(f"**{BATCHES}")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        if by == "the button":
            page.get_by_role("button", name="Ask again for the same numbers").click()
        else:
            fill(page, count=3)
            send(page)
    expect(page.locator("#asked strong")).to_have_text("3 numbers")

    assert {asked.value.headers["idempotency-key"]} == set(keys)


def test_a_count_that_is_none_is_told_beside_it(watched: OpenPage) -> None:
    page = watched(expected=(BATCHES,)).open()
    number = ask(page)
    for count in ("0", "many", "100001"):
        page.get_by_label("How many").fill(count)
        send(page)
        expect(page.locator("#fault-count")).to_contain_text("a whole number from 1 to 100000")
        page.get_by_label("How many").fill("")

    expect(page.locator("#asked .number")).to_have_text(number)


def test_without_the_database_many_numbers_come_from_memory(
    migrated_sqlite_url: str, watched: OpenPage
) -> None:
    one = watched(expected=("/api/",))
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as one.instance:
        page = one.open()
        ask(page)

        def away(route: Route) -> None:
            if "idempotency-key" not in route.request.headers:
                return route.continue_()
            problem = '{"type": "/problems/database-unavailable", "title": "Away", "detail": "."}'
            return route.fulfill(status=503, content_type="application/problem+json", body=problem)

        page.route(f"**{BATCHES}", away)
        fill(page, count=7)
        send(page)
        page.get_by_role("button", name="Get them from memory").click()

        expect(page.locator("#asked strong")).to_have_text("7 numbers")
        expect(page.locator("#ask-fault")).to_be_hidden()


def test_the_history_is_searched_copied_and_cleared(watched: OpenPage) -> None:
    page = watched().open()
    number = ask(page)
    fill(page, customer="<b>Ship & Co</b>", count=60)
    send(page)
    expect(page.locator("#asked strong")).to_have_text("60 numbers")
    page.reload()
    expect(page.locator("#history-state")).to_have_text("61 numbers; the last 20 are shown.")
    page.get_by_label("Search").fill("redbox my")
    expect(page.locator("#history-state")).to_have_text("1 of 61 number.")
    page.get_by_role("button", name="Copy these 1").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert [number] == copied(page)
    page.get_by_label("Search").fill("<b>ship")
    expect(page.locator("#history-rows tr").first).to_contain_text("<b>Ship & Co</b>")
    page.locator("#clear-history").click()
    expect(page.locator("#history-rows tr").first).to_be_visible()
    page.locator("#clear-history").click()
    expect(page.locator("#history-none")).to_be_visible()
    page.reload()

    expect(page.locator("#history-none")).to_be_visible()


def test_numbers_are_copied_where_the_browser_has_no_clipboard_for_scripts(
    watched: OpenPage,
) -> None:
    """As over plain http, to another host."""
    page = watched().open()
    number = ask(page)
    page.evaluate(
        "window.kept = navigator.clipboard;"
        "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
    )
    page.locator("#copy-numbers").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    assert number == page.evaluate("kept.readText()")
    expect(page.locator("#copy-numbers")).to_be_focused()


def test_the_history_has_an_end(watched: OpenPage) -> None:
    page = watched().open()
    ask_many(page, 2_500)
    expect(page.locator("#history-state")).to_contain_text("2,000 numbers, as many as are kept")
    number = ask(page)

    expect(page.locator("#history-state")).to_contain_text("2,000 numbers")
    expect(page.locator("#history-rows tr").first).to_contain_text(number)
