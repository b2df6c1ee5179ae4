"""The operator's page, in a real Chromium: what the instances hold, live, and with keys required.

`away` is what an instance tells whose database is away: tests/integration/api/test_site.py has a
real one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.instance import Instance
from tests.system.conftest import DESK, PHONE, Keyed, OpenPage, violations


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
    one = watched(expected=("/api/",))
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as one.instance:
        page = one.open("/fleet")
        expect(page.locator("#ready")).to_have_text("Ready")
        # The fleet is asked for by itself, and may be told of later.
        expect(page.locator("#fleet-at")).to_contain_text("As the database had them")
        one.instance.kill()

        expect(page.locator("#ready")).to_have_text("No answer")
        # How old the rest is goes on being told.
        expect(page.locator("#fleet-at")).to_contain_text(re.compile(r"\d+ s ago"), timeout=15_000)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    watched: OpenPage, size: tuple[int, int], dark: bool
) -> None:
    page = watched(size=size, dark=dark).open("/fleet")
    page.get_by_label("Pattern of a series").fill("RB{body:9}{check}")
    expect(page.locator("#previewed strong")).to_be_visible()
    page.get_by_role("button", name="Show the metrics").click()
    expect(page.locator("#metrics-text")).to_contain_text("tracking_")
    expect(page.locator("#instance-rows time").first).to_be_visible()
    width: int = page.evaluate("document.documentElement.scrollWidth")

    assert width <= size[0]
    assert "" == violations(page)


def away(page: Page) -> None:
    """Let the instance answer as if its database had gone away two hours ago."""

    def changed(route: Route) -> None:
        body = route.fetch().json()
        moment = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        route.fulfill(json=body | {"database": "away", "read_at": moment, "leases_at": moment})

    page.route(re.compile("/api/(status|fleet)$"), changed)


def test_the_series_and_instances_of_the_fleet_are_told_until_they_end(
    migrated_sqlite_url: str, watched: OpenPage
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url}
    one = watched()
    with (
        Instance({**env, "TRACKING_INSTANCE_NAME": "depot"}) as one.instance,
        Instance({**env, "TRACKING_INSTANCE_NAME": "kiosk"}) as other,
    ):
        other.number()
        page = one.open("/fleet")
        kiosk = page.locator("#instance-rows tr", has_text="kiosk:")
        depot = page.locator("#instance-rows tr", has_text="depot:")

        expect(depot).to_contain_text(re.compile(r"this one, version \d+\.\d+"))
        expect(depot).to_contain_text(re.compile(r"1 leased\s*10,000"))
        expect(kiosk).to_contain_text("holds blocks")
        expect(kiosk).to_contain_text("at most 10,000")
        expect(page.locator("#fleet-series-rows tr")).to_contain_text("9,999,999,980,000")
        other.terminate()

        expect(kiosk).to_contain_text("ended, all handed back", timeout=10_000)
        expect(kiosk).to_contain_text("1 spent, 1 handed back")
        expect(page.locator("#fleet-series-rows tr")).to_contain_text(re.compile(r"1$"))


def test_blocks_of_instances_that_are_silent_are_counted_as_perhaps_lost(
    watched: OpenPage,
) -> None:
    one = watched()
    blocks = {"leased": 2, "spent": 1, "returned": 0, "skipped": 0}

    def gone(route: Route) -> None:
        body = route.fetch().json()
        (this,) = [each for each in body["instances"] if each["this"]]
        moment = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        silent = this | {"name": "gone", "this": False, "ended": False, "leased_at": moment}
        silent |= {"blocks": blocks, "held_at_most": 20_000}
        route.fulfill(json=body | {"instances": [this, silent, silent | {"ended": True}]})

    one.page.route("**/api/fleet", gone)
    page = one.open("/fleet")

    expect(page.locator("#perhaps-lost")).to_contain_text(
        "Perhaps lost: 2 blocks, at most 20,000 serials."
    )
    expect(page.get_by_role("contentinfo")).to_contain_text("first – last")


def test_the_last_hour_is_drawn(watched: OpenPage) -> None:
    page = watched().open("/fleet")
    line = page.locator("#reserve-line")

    expect(page.locator("#reserve-now")).to_have_text(re.compile(r"^[\d,]+ serials$"))
    expect(line).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+h0"))
    expect(
        page.get_by_role("img", name=re.compile("Over 5 min: at least .*serials"))
    ).to_be_visible()


def test_the_line_is_what_the_instance_kept_and_has_its_gaps(watched: OpenPage) -> None:
    one = watched()
    # Beside such rates those do not count that other tests leave the shared instance with.
    samples = [
        {"age": age, "rate": rate, "serials": 1000}
        for age, rate in ((3595, 0), (3000, 50_000), (2990, 100_000), (100, 50_000), (90, 50_000))
    ]
    one.page.route("**/api/status/history", lambda route: route.fulfill(json={"samples": samples}))
    page = one.open("/fleet")

    expect(page.locator("#rate-line")).to_have_attribute(
        "d",
        re.compile(
            r"^M0\S+ 99\.0h0M(59|60)\S+ 50\.0h0L6\d\S+ 1\.0M3[45]\d\S+ 50\.0h0L35\d\S+ 50\.0M"
        ),
    )
    expect(page.locator("#rate-most")).to_have_text("100,000")


def test_with_the_database_away_the_last_answer_stands_with_its_age(watched: OpenPage) -> None:
    one = watched()
    away(one.page)
    page = one.open("/fleet")

    expect(page.locator("#fleet-at")).to_have_text(
        "As the database had them 2 h ago. It is away now."
    )
    expect(page.locator("#leases-at")).to_have_text("As the database had them 2 h ago.")
    expect(page.locator("#reason")).to_contain_text("the database is away")
    expect(page.locator("#instance-rows tr").first).to_contain_text("this one")


def test_the_metrics_are_shown(watched: OpenPage) -> None:
    page = watched().open("/fleet")
    page.get_by_role("button", name="Show the metrics").click()

    expect(page.locator("#metrics-text")).to_contain_text("tracking_database_up 1.0")
    expect(page.locator("#metrics-text")).to_be_focused()


def test_without_a_token_nothing_is_asked_and_the_token_is_asked_for(
    keyed: Keyed, watched: OpenPage
) -> None:
    one = watched()
    one.instance = keyed.instance
    asked: list[str] = []
    one.page.on("request", lambda request: asked.append(request.url))
    page = one.open("/fleet")
    expect(page.get_by_role("link", name="API")).to_be_visible()

    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.locator("[data-operate]:visible")).to_have_count(0)
    expect(page.get_by_role("heading", name="Try a pattern")).to_be_visible()
    assert [] == [url for url in asked if "/api/" in url]


def test_what_a_token_may_not_see_is_left_out_with_the_scope_that_shows_it(
    keyed: Keyed, watched: OpenPage
) -> None:
    one = watched(expected=("/api/",))
    one.instance = keyed.instance
    page = one.open("/fleet")
    page.get_by_label("Token").fill(keyed.tokens["verify"])
    page.get_by_role("button", name="Use it").click()

    expect(page.locator("#not-shown")).to_contain_text("the scope operate shows it")
    expect(page.locator("[data-operate]:visible")).to_have_count(0)
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#not-shown")).to_be_hidden()
    page.get_by_label("Token").fill(keyed.tokens["operate"])
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#ready")).to_have_text("Ready")
    page.get_by_role("button", name="Show the metrics").click()

    expect(page.locator("#metrics-text")).to_contain_text("tracking_database_up")


def test_a_wrong_token_is_told_beside_its_field(keyed: Keyed, watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    one.instance = keyed.instance
    page = one.open("/fleet")
    page.get_by_label("Token").fill("tn_wrong")
    page.get_by_role("button", name="Use it").click()

    expect(page.locator("#token-fault")).to_contain_text("invalid")
    expect(page.locator("[data-operate]:visible")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/fleet", "/docs"])
def test_a_page_that_is_not_published_is_not_offered(watched: OpenPage, path: str) -> None:
    """As behind a proxy that passes on this page, and neither of the others."""
    one = watched(expected=("/",))
    others = {"Numbers": "/", "Fleet": "/fleet", "API": "/docs"}
    hidden, kept = [name for name, other in others.items() if other != path]
    one.page.route(
        lambda url: url == one.instance.url + others[hidden],
        lambda route: route.fulfill(status=404),
    )
    page = one.open(path)

    expect(page.get_by_role("link", name=kept, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=hidden, exact=True)).to_be_hidden()


def test_a_fleet_that_is_not_published_is_told_in_a_line(watched: OpenPage) -> None:
    one = watched(expected=("/api/",))
    one.page.route("**/api/status*", lambda route: route.fulfill(status=404, json={}))
    page = one.open("/fleet")

    expect(page.locator("#not-shown")).to_contain_text("This address does not show")
    expect(page.locator("[data-operate]:visible")).to_have_count(0)


def test_text_of_twice_the_size_breaks_nothing(watched: OpenPage) -> None:
    page = watched().open("/fleet")
    expect(page.locator("#instance-rows time").first).to_be_visible()
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    wider: list[str] = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(each => each.clientWidth"
        " && each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX === 'visible'"
        " && !each.closest('.unseen, svg, select')).map(each => each.id || each.textContent)"
    )

    assert [] == wider
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK[0]


def test_it_can_be_used_by_keyboard(watched: OpenPage) -> None:
    page = watched().open("/fleet")
    expect(page.get_by_role("link", name="API")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the state")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("RB{body:9}{check}")
    expect(page.locator("#previewed strong")).to_have_text("Such numbers")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#metrics-text")).to_be_focused()
