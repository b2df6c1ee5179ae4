"""/docs in a real Chromium: what can be tried there works at the first click, with keys on too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.system.conftest import Keyed, OpenPage, violations


def tried(page: Page, operation: str) -> Locator:
    """Try an operation as it is filled in, and return its answer."""
    block = page.locator(f"#operations-{operation}")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table")


@pytest.mark.parametrize(
    "operation, answer",
    [
        ("numbers-nextTrackingNumber", r'"tracking_number": "MYID'),
        ("numbers-issueTrackingNumbers", r'"tracking_numbers": \[\s*"MYID'),
        ("numbers-previewSeries", r'"examples": \['),
        ("instance-getHealth", r'"status": "ok"'),
    ],
)
def test_the_first_click_has_an_answer(watched: OpenPage, operation: str, answer: str) -> None:
    page = watched().open("/docs")

    expect(tried(page, operation)).to_contain_text(re.compile(answer))


def test_another_request_can_be_tried_after_the_first(watched: OpenPage) -> None:
    """The same idempotency key with other parameters would be refused, so none is filled in."""
    page = watched().open("/docs")
    answer = tried(page, "numbers-nextTrackingNumber")
    expect(answer).to_contain_text("tracking_number")
    block = page.locator("#operations-numbers-nextTrackingNumber")
    block.locator("tr[data-param-name=weight] input").fill("2.5")
    block.get_by_role("button", name="Execute").click()

    expect(block.locator(".request-url")).to_contain_text("weight=2.5")
    expect(answer).to_contain_text("tracking_number")
    expect(block.locator("tr[data-param-name=Idempotency-Key] input")).to_have_value("")


def test_a_number_that_was_tried_is_looked_up_at_the_first_click(watched: OpenPage) -> None:
    page = watched().open("/docs")
    expect(tried(page, "numbers-nextTrackingNumber")).to_contain_text("tracking_number")

    expect(tried(page, "numbers-verifyTrackingNumber")).to_contain_text('"status": "issued"')


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_about_the_links(watched: OpenPage, dark: bool) -> None:
    page = watched(dark=dark).open("/docs")
    expect(page.get_by_role("link", name="Fleet", exact=True)).to_be_visible()
    expect(page.locator(".opblock").first).to_be_visible()

    assert "" == violations(page, "nav")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_but_a_button_in_a_button_of_swagger_uis_own(
    watched: OpenPage, dark: bool
) -> None:
    """Swagger UI puts the copy button of a path into the summary that opens it: its own markup,
    which React draws anew whenever it is changed.
    """
    page = watched(dark=dark).open("/docs")
    expect(page.get_by_role("link", name="Fleet", exact=True)).to_be_visible()
    expect(page.locator(".opblock").first).to_be_visible()

    assert "" == violations(page, but=["nested-interactive"])


def test_with_keys_on_it_loads_and_offers_to_authorize(keyed: Keyed, watched: OpenPage) -> None:
    one = watched()
    one.instance = keyed.instance
    page = one.open("/docs")
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(keyed.tokens["issue"])
    page.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    page.locator(".close-modal").click()
    answer = tried(page, "numbers-nextTrackingNumber")
    expect(answer).to_contain_text("tracking_number")

    assert keyed.tokens["issue"] == page.evaluate("sessionStorage.getItem('token')")


def test_the_token_of_the_tab_is_used_there_too(keyed: Keyed, watched: OpenPage) -> None:
    one = watched()
    one.instance = keyed.instance
    page = one.open("/fleet")
    page.evaluate(f"sessionStorage.setItem('token', '{keyed.tokens['operate']}')")
    page.get_by_role("link", name="API").click()

    expect(tried(page, "instance-getStatus")).to_contain_text('"ready": true')
