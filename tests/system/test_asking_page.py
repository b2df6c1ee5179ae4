"""What is asked for in a clerk's name, in a real Chromium: whose id it has, when, and how often."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.support.client import NEXT_NUMBER
from tests.system.clerk import NUMBER, ask, fill, send
from tests.system.conftest import OpenPage

TYPED_ID = "de619854-b59b-425e-9db4-943979e1bd49"
BATCHES = "/api/tracking-numbers/"
STORAGE_IS_FULL = (
    "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
)


def named(page: Page, name: str) -> tuple[str, str]:
    """Type a customer's name, and return the id and the slug that stand there then."""
    page.get_by_label("Customer", exact=True).fill(name)
    return page.locator("#customer_id").input_value(), page.locator("#customer_slug").input_value()


def asked(page: Page) -> list[dict[str, list[str]]]:
    """The parameters of each request for one number, from now on."""
    found: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path == NEXT_NUMBER and request.method == "GET":
            found.append(parse_qs(parts.query))

    page.on("request", note)
    return found


@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "not sent"])
def test_a_typed_id_and_slug_are_for_the_customer_they_were_typed_for(
    watched: OpenPage, is_sent: bool
) -> None:
    page = watched().open()
    fill(page, customer="Redbox")
    page.locator("#more summary").click()
    page.locator("#customer_id").fill(TYPED_ID)
    page.locator("#customer_slug").fill("red")
    if is_sent:
        send(page)
        expect(page.locator("#asked .number")).to_have_text(NUMBER)
    other, slug = named(page, "Bluebox")

    assert other not in {"", TYPED_ID}
    assert "bluebox" == slug
    expect(page.locator("#customer_name-hint")).to_contain_text("Another customer")
    assert (TYPED_ID, "red") == named(page, "Redbox")


def test_an_id_that_was_typed_before_the_name_is_kept_for_it(watched: OpenPage) -> None:
    page = watched().open()
    page.locator("#more summary").click()
    page.locator("#customer_id").fill(TYPED_ID)
    page.get_by_label("Customer", exact=True).press_sequentially("Redbox")
    expect(page.locator("#customer_id")).to_have_value(TYPED_ID)
    ask(page)

    assert TYPED_ID != named(page, "Bluebox")[0]


def test_without_storage_no_two_customers_get_one_id(watched: OpenPage) -> None:
    one = watched()
    one.page.add_init_script(STORAGE_IS_FULL)
    page = one.open()
    ask(page)
    first = page.locator("#customer_id").input_value()

    assert first != named(page, "Another")[0]
    assert first == named(page, "RedBox Logistics")[0]


@pytest.mark.parametrize("count", [1, 2])
def test_where_an_answer_was_lost_the_id_is_used(watched: OpenPage, count: int) -> None:
    page = watched(expected=("/api/",)).open()
    page.route(
        f"**{NEXT_NUMBER}?*" if count == 1 else f"**{BATCHES}",
        lambda route: route.fulfill(status=504),
    )
    fill(page, count=count)
    first = page.locator("#customer_id").input_value()
    send(page)
    shown = page.locator("#ask-fault" if count == 1 else "#arrived-text")
    expect(shown).to_contain_text("did not answer" if count == 1 else "Asking again")

    assert first != named(page, "Another")[0]


def test_a_customer_is_one_however_the_name_is_spelled(watched: OpenPage) -> None:
    page = watched().open()
    ask(page)
    first = page.locator("#customer_id").input_value()

    assert first == named(page, "  REDBOX   logistics ")[0]


@pytest.mark.parametrize("by", ["a double click", "Enter twice"])
def test_what_is_done_twice_at_once_spends_one_number(watched: OpenPage, by: str) -> None:
    page = watched().open()
    fill(page)
    found = asked(page)
    if by == "a double click":
        page.get_by_role("button", name="Get a number").dblclick(delay=40)
    else:
        page.get_by_label("Weight, kg").press("Enter")
        expect(page.locator("#asked .number")).to_have_text(NUMBER)
        page.get_by_label("Weight, kg").press("Enter")
    page.wait_for_timeout(300)

    assert 1 == len(found)
    # Later a click is meant.
    send(page)
    expect(page.locator("#history-rows tr")).to_have_count(2)


def test_a_time_that_was_typed_is_for_one_answer(watched: OpenPage) -> None:
    page = watched().open()
    found = asked(page)
    page.locator("#more summary").click()
    page.locator("#created_at").fill("2018-11-20T19:29:32+08:00")
    ask(page)
    expect(page.locator("#created_at")).not_to_have_value("2018-11-20T19:29:32+08:00")
    send(page)
    expect(page.locator("#history-rows tr")).to_have_count(2)
    first, second = (each["created_at"] for each in found)

    assert ["2018-11-20T19:29:32+08:00"] == first
    assert first != second


@pytest.mark.parametrize("count", [1, 2])
def test_an_answer_of_something_else_is_no_success(watched: OpenPage, count: int) -> None:
    page = watched(expected=("/api/",)).open()

    def portal(route: Route) -> None:
        if route.request.method == "OPTIONS":
            return route.continue_()
        return route.fulfill(status=200, content_type="text/html", body="<p>Sign in to the Wi-Fi")

    page.route(f"**{NEXT_NUMBER}?*" if count == 1 else f"**{BATCHES}", portal)
    fill(page, count=count)
    send(page)
    if count == 1:
        expect(page.locator("#ask-fault strong")).to_have_text("Something else answered")
    else:
        expect(page.locator("#arrived-text")).to_contain_text("Asking again")
    expect(page.locator("#asked")).to_be_hidden()
    expect(page.locator("#history-none")).to_be_visible()


@pytest.mark.parametrize(
    "typed, code", [("UK", "GB"), ("Holland", "NL"), ("ivory coast", "CI"), ("UAE", "AE")]
)
def test_a_country_is_found_by_its_common_name(watched: OpenPage, typed: str, code: str) -> None:
    page = watched().open()
    page.get_by_label("From").fill(typed)
    page.get_by_label("To", exact=True).fill("Narnia")
    page.get_by_label("Weight, kg").focus()

    expect(page.get_by_label("From")).to_have_value(code)
    expect(page.locator("#destination_country_id-hint")).to_have_text("No such country")


def test_blanks_around_what_was_typed_do_no_harm(watched: OpenPage) -> None:
    page = watched().open()
    found = asked(page)
    fill(page, customer=" RedBox ")
    page.get_by_label("Weight, kg").fill(" 1.5 ")
    send(page)
    expect(page.locator("#asked .number")).to_have_text(NUMBER)

    assert [["1.5"], ["RedBox"]] == [found[0]["weight"], found[0]["customer_name"]]
