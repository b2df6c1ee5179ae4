"""Labels as Chromium prints them: each page's barcodes are read from the PDF that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.system.clerk import ask, ask_many, check, fill, send
from tests.system.conftest import OpenPage

# Dots of a pixel's edge to a point, 1/72 inch: 203 dots an inch, as a label printer has.
SCALE = 203 / 72
MM = 25.4 / 72
BARCODE = "/barcode.svg"


class Paper:
    """The pages that Chromium would print."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[tuple[int, int]] = []
        """Width and height of each page in millimetres."""
        self.barcodes: list[list[str]] = []
        """What a decoder reads on each page, from top to bottom and from left to right."""
        self.text = ""
        with closing(pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))) as document:
            for number in range(len(document)):
                with closing(document[number]) as each:
                    width, height = each.get_size()
                    self.sizes.append((round(width * MM), round(height * MM)))
                    self.barcodes.append(read_barcodes(each.render(scale=SCALE).to_pil()))
                    with closing(each.get_textpage()) as text:
                        self.text += text.get_text_bounded()


def read_barcodes(picture: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(picture)
    places = [(one.position.top_left.y // 40, one.position.top_left.x, one.text) for one in found]
    return [text for _, _, text in sorted(places)]


def numbers_of(page: Page) -> list[str]:
    page.locator("#copy-numbers").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text.split("\n")


def catch_print(page: Page) -> None:
    """Let the page's call of `print` set an attribute."""
    page.evaluate(
        "void (window.print = () => document.documentElement.setAttribute('data-printed', ''))"
    )


def print_labels(page: Page, layout: str) -> Paper:
    """Print as a clerk does, and return what comes of it."""
    catch_print(page)
    page.get_by_label("Labels").select_option(layout)
    page.get_by_role("button", name="Print labels").click()
    expect(page.locator("html")).to_have_attribute("data-printed", "")
    return Paper(page)


def flat(pages: Sequence[Sequence[str]]) -> list[str]:
    return [text for page in pages for text in page]


def test_each_number_has_a_label_of_its_own(watched: OpenPage) -> None:
    page = watched().open()
    ask_many(page, 3)
    paper = print_labels(page, "label")

    assert [[number] for number in numbers_of(page)] == paper.barcodes
    assert [(100, 50)] * 3 == paper.sizes
    assert "MY → ID · 1.234 kg · RedBox Logistics" in paper.text
    assert "Print" not in paper.text


def test_a_sheet_has_fourteen_labels(watched: OpenPage) -> None:
    page = watched().open()
    ask_many(page, 16)
    paper = print_labels(page, "sheet")

    assert [14, 2] == [len(each) for each in paper.barcodes]
    assert numbers_of(page) == flat(paper.barcodes)
    assert [(210, 297)] * 2 == paper.sizes


def test_the_browsers_own_print_gives_the_page_with_its_list(watched: OpenPage) -> None:
    page = watched(expected=("/api/tracking-numbers/",)).open()
    number = ask(page)
    check(page, "hello")
    expect(page.locator("#checked strong")).to_have_text("Not a tracking number")
    expect(page.get_by_role("img", name="Barcode of")).to_be_visible()
    paper = Paper(page)

    assert "Not a tracking number" in paper.text
    assert number in paper.text
    assert all(each == (216, 279) or each == (210, 297) for each in paper.sizes)


def test_after_labels_the_page_is_printed_again(watched: OpenPage) -> None:
    page = watched().open()
    ask(page)
    print_labels(page, "label")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")

    assert "Ask for numbers" in Paper(page).text


def test_the_rows_found_in_the_history_are_printed(watched: OpenPage) -> None:
    page = watched().open()
    fill(page, customer="Another")
    send(page)
    expect(page.locator("#history-rows tr")).to_have_count(1)
    number = ask(page)
    expect(page.locator("#history-rows tr")).to_have_count(2)
    page.reload()
    page.get_by_label("Search").fill("redbox")
    catch_print(page)
    page.locator("#print-history").click()
    expect(page.locator("html")).to_have_attribute("data-printed", "")
    paper = Paper(page)

    assert [[number]] == paper.barcodes
    assert "MY → ID · 1.234 kg · RedBox Logistics" in paper.text


def test_barcodes_are_fetched_only_for_printing_and_few_at_once(watched: OpenPage) -> None:
    page = watched().open()
    begun, most = [0], [0]

    def count(change: int, url: str) -> None:
        if url.endswith(BARCODE):
            begun[0] += change
            most[0] = max(most[0], begun[0])

    page.on("request", lambda request: count(1, request.url))
    page.on("requestfinished", lambda request: count(-1, request.url))
    ask_many(page, 40)
    assert 0 == most[0]
    paper = print_labels(page, "sheet")

    assert 1 < most[0] <= 6
    assert 40 == len(set(flat(paper.barcodes)))
    expect(page.locator("#labels-state")).to_have_text("40 labels.")


@pytest.mark.parametrize("status", [403, 503])
def test_labels_without_barcodes_are_printed_only_when_wanted(
    watched: OpenPage, status: int
) -> None:
    page = watched(expected=(BARCODE,)).open()
    page.route(f"**{BARCODE}", lambda route: route.fulfill(status=status))
    number = ask(page)
    catch_print(page)
    page.get_by_role("button", name="Print labels").click()
    expect(page.locator("#labels-state")).to_contain_text("1 label has no barcode")
    expect(page.locator("html")).not_to_have_attribute("data-printed", "")
    page.get_by_role("button", name="Print without").click()
    expect(page.locator("html")).to_have_attribute("data-printed", "")

    assert number in Paper(page).text


def test_a_page_without_numbers_is_printed_without_its_buttons(watched: OpenPage) -> None:
    paper = Paper(watched().open())

    assert "Last numbers" in paper.text
    assert "Get a number" not in paper.text
