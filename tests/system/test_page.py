"""The page for people, in a real Chromium: what a person does, and what a browser finds wrong.

`watched` fails a test whose page had an error, broke its policy or asked another host.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
from uuid import UUID

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.client import number_path
from tests.support.commands import ROOT, flask
from tests.support.instance import Instance
from tests.support.numbers import completed
from tests.system.clerk import NUMBER, ask, check, fill, send
from tests.system.conftest import DESK, PHONE, Keyed, OpenPage, violations
from tracking_service.countries import COUNTRIES


def operations() -> int:
    """How many operations the OpenAPI document describes."""
    document = json.loads((ROOT / "tracking_service/api/pages/openapi.json").read_bytes())
    return sum(len(path.keys() & {"get", "head", "post"}) for path in document["paths"].values())


def mistyped(number: str) -> str:
    """The number with its last body character changed."""
    return number[:14] + ("7" if number[14] != "7" else "8") + number[15:]


def test_a_number_is_asked_for_and_checked(watched: OpenPage) -> None:
    page = watched().open()
    number = ask(page)
    check(page, number)

    expect(page.locator("#checked strong")).to_have_text("Issued")
    expect(page.locator("#checked")).to_contain_text("Series default, from Malaysia to Indonesia")


def test_a_new_number_has_its_barcode(watched: OpenPage) -> None:
    page = watched().open()
    number = ask(page)
    shown = page.get_by_role("img", name=f"Barcode of {number}")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute("width", re.compile(r"\d+"))
    picture = Image.open(io.BytesIO(shown.screenshot()))

    assert [number] == [found.text for found in zxingcpp.read_barcodes(picture)]


def test_the_curl_line_is_the_request(watched: OpenPage) -> None:
    page = watched().open()
    fill(page, customer="O'Hara & Söhne $HOME `id`")
    line = page.locator("#curl").text_content() or ""
    done = subprocess.run(
        [*shlex.split(line), "--silent", "--show-error", "--noproxy", "*"],
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert '{"tracking_number": "MYID' == done.stdout[:25], line + done.stdout + done.stderr


def test_the_curl_line_can_be_copied(watched: OpenPage) -> None:
    page = watched().open()
    fill(page)
    page.get_by_text("The same with curl").click()
    page.get_by_role("button", name="Copy the curl line").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    assert page.locator("#curl").inner_text() == page.evaluate("navigator.clipboard.readText()")


def test_every_fault_is_told_beside_its_field(watched: OpenPage) -> None:
    page = watched(expected=("/api/next-tracking-number/",)).open()
    fill(page)
    page.get_by_label("From").fill("XX")
    page.get_by_label("Weight, kg").fill("-1")
    send(page)

    expect(page.locator("#fault-origin_country_id")).to_contain_text("ISO 3166-1")
    expect(page.locator("#fault-weight")).to_contain_text("kilograms")
    expect(page.get_by_label("From")).to_be_focused()
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("To", exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_a_fault_takes_no_number_away(watched: OpenPage) -> None:
    page = watched(expected=("/api/next-tracking-number/",)).open()
    number = ask(page)
    page.get_by_label("Weight, kg").fill("0")
    send(page)
    expect(page.locator(".fault")).to_have_count(1)
    expect(page.locator("#asked .number")).to_have_text(number)
    page.get_by_label("Weight, kg").fill("0.5")
    send(page)

    expect(page.locator("#asked .number")).not_to_have_text(number)
    expect(page.locator(".fault")).to_have_count(0)
    expect(page.locator("#ask-fault")).to_be_hidden()


def test_the_form_begins_empty_and_enter_spends_nothing(watched: OpenPage) -> None:
    page = watched(expected=("/api/next-tracking-number/",)).open()
    page.get_by_label("From").press("Enter")

    expect(page.locator("#ask-fault")).to_have_text("Please correct the marked fields.")
    expect(page.locator(".fault")).to_have_count(4)
    expect(page.locator("#asked")).to_be_hidden()
    expect(page.get_by_label("Customer id")).to_be_hidden()


def test_a_country_is_found_by_its_name(watched: OpenPage) -> None:
    page = watched().open()
    page.get_by_label("From").press_sequentially("côte d'iv")
    page.get_by_label("To", exact=True).press_sequentially("guinea")
    page.get_by_label("Weight, kg").focus()

    expect(page.get_by_label("From")).to_have_value("CI")
    expect(page.locator("#origin_country_id-hint")).to_contain_text("Ivoire (CI)")
    expect(page.get_by_label("To", exact=True)).to_have_value("GN")
    assert len(COUNTRIES) == page.locator("#countries option").count()


def test_a_customer_is_remembered_with_what_was_made_for_him(watched: OpenPage) -> None:
    page = watched().open()
    fill(page, customer="Søren & Café Zürich, S.A.")
    expect(page.locator("#customer_slug")).to_have_value("soren-cafe-zurich-s-a")
    made = page.locator("#customer_id").input_value()
    send(page)
    expect(page.locator("#asked .number")).to_have_text(NUMBER)
    page.get_by_label("Customer", exact=True).fill("Another")
    other = page.locator("#customer_id").input_value()
    page.reload()
    page.get_by_label("Customer", exact=True).fill("Søren & Café Zürich, S.A.")

    expect(page.locator("#customer_id")).to_have_value(made)
    expect(page.locator("#customer_slug")).to_have_value("soren-cafe-zurich-s-a")
    assert UUID(made) != UUID(other)


def test_a_series_is_chosen_with_its_format_shown(
    migrated_sqlite_url: str, watched: OpenPage
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    pattern = ("--pattern", "RB{body:9}{check}", "--alphabet", "digits")
    assert 0 == flask("series", "create", "redbox", *pattern, env=env).returncode
    one = watched()
    with Instance(env) as one.instance:
        page = one.open()
        fill(page)
        page.get_by_label("Series").select_option("redbox")
        expect(page.locator("#series-hint")).to_contain_text(re.compile(r"RB[0-9]{10}"))
        send(page)

        expect(page.locator("#asked .number")).to_have_text(re.compile("^RB[0-9]{10}$"))


def test_a_likely_typo_is_explained(watched: OpenPage) -> None:
    page = watched(expected=("/api/tracking-numbers/",)).open()
    check(page, mistyped(ask(page)))

    expect(page.locator("#checked strong")).to_have_text("Likely typo")
    expect(page.locator("#checked")).to_contain_text("swapping two neighbours")


@pytest.mark.parametrize(
    "number, title",
    [
        ("hello", "Not a tracking number"),
        ("https://example.com/MYID", "Not a tracking number"),
        ("MYID/../../healthz", "Not a tracking number"),
        ("<img src=x onerror=alert(1)>", "Not a tracking number"),
        ("MYIDAAAAAAAAAAA1", "Wrong check character"),
        ("/", "Not a tracking number"),
        (".", "Not a tracking number"),
        ("   ", "Nothing to check"),
    ],
)
def test_what_is_no_number_is_explained(watched: OpenPage, number: str, title: str) -> None:
    page = watched(expected=("/api/tracking-numbers/",)).open()
    check(page, number)

    expect(page.locator("#checked strong")).to_have_text(title)
    expect(page.locator("img")).to_have_count(0)


def test_an_invented_number_is_unknown(watched: OpenPage) -> None:
    page = watched(expected=("/api/tracking-numbers/",)).open()
    check(page, completed("MYIDAAAAAAAAAAA"))

    expect(page.locator("#checked strong")).to_have_text("Unknown")


def test_a_number_of_another_instance_is_reserved(
    migrated_sqlite_url: str, watched: OpenPage
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    one = watched()
    with Instance(env) as one.instance, Instance(env) as other:
        page = one.open()
        check(page, other.number())

        expect(page.locator("#checked strong")).to_have_text("Reserved")


def test_it_can_be_used_by_keyboard_alone(watched: OpenPage) -> None:
    page = watched().open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the form")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#ask")).to_be_focused()
    # From, to, weight, how many, series, customer.
    for text in ("MY", "Indonesia", "0.5", "", "", "Shop"):
        page.keyboard.press("Tab")
        page.keyboard.insert_text(text)
    page.keyboard.press("Enter")
    expect(page.locator("#asked .number")).to_have_text(NUMBER)
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        name: str = page.evaluate("document.activeElement.textContent.trim()")
        reached.append(name)
        if name == "Check it":
            break
    page.keyboard.press("Enter")

    assert "Get a number" in reached
    expect(page.locator("#checked strong")).to_have_text("Issued")
    expect(page.get_by_label("Tracking numbers", exact=True)).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_wider_than_the_screen(
    watched: OpenPage, size: tuple[int, int], path: str
) -> None:
    page = watched(size=size).open(path)
    if path == "/":
        check(page, ask(page))
    else:
        expect(page.locator(".opblock")).to_have_count(operations())
    width: int = page.evaluate("document.documentElement.scrollWidth")

    assert width <= size[0]


@pytest.mark.parametrize("path", ["/", "/fleet"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_letters_of_twice_the_size_break_nothing(
    watched: OpenPage, size: tuple[int, int], path: str
) -> None:
    """Success criterion 1.4.4: https://www.w3.org/TR/WCAG22/#resize-text."""
    page = watched(size=size, expected=("/api/",)).open(path)
    if path == "/":
        check(page, f"{ask(page)}\nhello")
        expect(page.locator("#list-rows tr")).to_have_count(2)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    width: int = page.evaluate("document.documentElement.scrollWidth")

    assert width <= size[0]


@pytest.mark.parametrize("path", ["/", "/fleet"])
def test_a_page_weighs_little(watched: OpenPage, path: str) -> None:
    page = watched().open(path)
    page.wait_for_load_state("networkidle")
    weight: int = page.evaluate(
        "performance.getEntriesByType('navigation')"
        ".concat(performance.getEntriesByType('resource'))"
        ".reduce((sum, entry) => sum + entry.transferSize, 0)"
    )

    assert 10_000 < weight < 150_000


def test_the_colours_follow_the_reader(watched: OpenPage) -> None:
    def ground(dark: bool) -> int:
        page = watched(dark=dark).open()
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", color)))

    assert ground(dark=True) < 3 * 64
    assert ground(dark=False) > 3 * 192


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing(watched: OpenPage, size: tuple[int, int], dark: bool) -> None:
    """Contrast, labels, landmarks, roles: https://github.com/dequelabs/axe-core."""
    page = watched(size=size, dark=dark, expected=("/api/",)).open()
    check(page, mistyped(ask(page)))
    expect(page.locator("#checked strong")).to_be_visible()
    page.get_by_label("From").fill("XX")
    page.get_by_role("button", name="Get a number").click()
    expect(page.locator(".fault")).to_have_count(1)

    assert "" == violations(page)


def use_token(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Use it").click()


def test_a_key_for_issuing_gets_numbers_and_is_told_what_shows_the_rest(
    keyed: Keyed, watched: OpenPage
) -> None:
    one = watched(expected=("/api/",))
    one.instance = keyed.instance
    page = one.open()
    use_token(page, "tn_wrong")
    expect(page.locator("#key .fault")).to_contain_text("invalid")
    expect(page.get_by_label("Token")).to_be_focused()
    use_token(page, "tn_wröng")
    expect(page.locator("#key .fault")).to_contain_text("no blanks")
    use_token(page, f"Bearer {keyed.tokens['issue']}")
    expect(page.get_by_label("Token")).to_be_hidden()
    page.reload()
    ask(page)
    expect(page.locator("#history-rows button")).to_be_hidden()
    expect(page.locator("#history-rows .number-text")).to_be_visible()

    expect(page.locator("#asked")).to_contain_text("A key with the scope verify shows its barcode.")
    expect(page.locator("#check")).to_contain_text("A key with the scope verify shows this.")
    expect(page.get_by_label("Tracking numbers", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Check it")).to_be_hidden()
    expect(page.locator("#curl")).to_contain_text('-H "Authorization: Bearer $TOKEN"')
    assert "" == violations(page)
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert 0 == page.evaluate("sessionStorage.length")


def test_without_a_token_one_is_asked_to_sign_in(keyed: Keyed, watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    one.instance = keyed.instance
    one.page.route("**/api/series", lambda route: route.fulfill(status=404))
    page = one.open()
    fill(page)
    send(page)
    expect(page.locator("#ask-fault")).to_have_text("Sign in with your access key")
    expect(page.get_by_label("Token")).to_be_focused()
    use_token(page, "nonsense")

    expect(page.locator("#key .fault")).to_contain_text("invalid")


def test_a_key_for_checking_checks_alone(keyed: Keyed, watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    one.instance = keyed.instance
    page = one.open()
    use_token(page, keyed.tokens["verify"])
    expect(page.locator("#ask")).to_contain_text("A key with the scope issue shows this.")
    expect(page.get_by_label("From")).to_be_hidden()
    headers = {"Authorization": f"Bearer {keyed.tokens['issue']}"}
    number = keyed.instance.get(number_path(), headers=headers).json()["tracking_number"]
    check(page, number)

    expect(page.locator("#checked strong")).to_have_text("Issued")


def test_what_breaks_the_policy_would_be_found(watched: OpenPage) -> None:
    one = watched()
    page = one.open()
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/a'}))")
    page.evaluate("document.body.setAttribute('onclick', 'alert(1)')")
    page.wait_for_function("document.images.length === 1")
    page.evaluate("told('asked for')")
    found = " ".join(one.faults)
    one.faults.clear()

    assert "policy: img-src http://192.0.2.1/a" in found
    assert "policy: script-src-attr" in found
    assert "asked for" in found
