"""What a clerk does on the page: fills the form, asks, scans and checks."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Response, expect

from tests.support.client import NEXT_NUMBER

NUMBER = re.compile(r"^MYID[0-9A-Z]{12}$")


def fill(page: Page, *, customer: str = "RedBox Logistics", count: int = 1) -> None:
    """Fill the form with a good request."""
    page.get_by_label("From").fill("MY")
    page.get_by_label("To", exact=True).fill("ID")
    page.get_by_label("Weight, kg").fill("1.234")
    # Where no batch can be had, one number is all that there is.
    if page.get_by_label("How many").is_visible():
        page.get_by_label("How many").fill(str(count))
    page.get_by_label("Customer", exact=True).fill(customer)


def send(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Get ")).click()


def ask(page: Page) -> str:
    """Ask for a number, and return it once it is shown."""
    fill(page)
    # The page shows the number before until the next one is there.
    with page.expect_response(is_number) as answered:
        send(page)
    number: str = answered.value.json()["tracking_number"]
    assert NUMBER.match(number)
    expect(page.locator("#asked .number")).to_have_text(number)
    return number


def is_number(response: Response) -> bool:
    return response.request.method == "GET" and f"{NEXT_NUMBER}?" in response.url


def ask_many(page: Page, count: int) -> None:
    """Ask for some numbers, and wait until they are there."""
    fill(page, count=count)
    send(page)
    expect(page.locator("#asked strong")).to_have_text(f"{count:,} numbers")


def scan(page: Page, *numbers: str) -> None:
    """Type each number and Enter, as a scanner does: faster than the answers come."""
    for number in numbers:
        page.keyboard.insert_text(number)
        page.keyboard.press("Enter")


def check(page: Page, number: str) -> None:
    page.get_by_label("Tracking numbers", exact=True).fill(number)
    page.get_by_role("button", name="Check", exact=True).click()
