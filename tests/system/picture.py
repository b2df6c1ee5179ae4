"""Makes the pictures of the pages in docs/img/: `python -m tests.system.picture`."""

from __future__ import annotations

import json
import math
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.support.client import PARAMETERS
from tests.support.commands import ROOT, migrate
from tests.support.debian import program
from tests.support.instance import Instance
from tests.system import clerk
from tests.system.conftest import FLAGS

FOLDER = ROOT / "docs" / "img"


def main() -> None:
    """Three instances under some load, and one that has ended; one of them shows its pages."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'tracking.sqlite3'}"
        migrate(url)
        # A small reserve, so that they lease often enough for a rate.
        env = {"DATABASE_URL": url, "TRACKING_RESERVE_SECONDS": "10"}
        names = ("depot", "harbour", "kiosk", "office")
        *running, office = [Instance({**env, "TRACKING_INSTANCE_NAME": name}) for name in names]
        with office:
            office.number()
            office.terminate()
        with running[0] as shown, running[1], running[2]:
            ended = threading.Event()

            def load(instance: Instance) -> None:
                while not ended.wait(0.2):
                    count = 150 + 100 * math.sin(time.monotonic() / 15)
                    body = json.dumps({**PARAMETERS, "count": round(count)}).encode()
                    headers = {"Content-Type": "application/json"}
                    instance.request("POST", "/api/tracking-numbers/", headers=headers, body=body)

            threads = [threading.Thread(target=load, args=(one,)) for one in running]
            for thread in threads:
                thread.start()
            try:
                take(shown.url)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()


def take(url: str) -> None:
    """Take the picture of each page."""
    with sync_playwright() as playwright:
        chromium = program("chromium", package="chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, path, use in (("page", "/", use_numbers), ("fleet", "/fleet", use_fleet)):
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.goto(url + path)
            use(page)
            page.evaluate("document.activeElement.blur()")
            page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
        browser.close()


def use_numbers(page: Page) -> None:
    """Ask for some numbers, and check a list with a number that is too short."""
    for customer in ("Harbour Books", "RedBox Logistics"):
        clerk.fill(page, customer=customer)
        clerk.send(page)
        expect(page.locator("#asked")).to_contain_text(customer)
    expect(page.locator("#asked img")).to_be_visible()
    numbers = page.locator("#history-rows button").all_inner_texts()
    clerk.check(page, "\n".join(["MYIDAAAAAAAAAAA1", numbers[0][:-1], *numbers]))
    expect(page.locator("#list-state")).to_contain_text("2 issued")


def use_fleet(page: Page) -> None:
    """Wait until the fleet's rate is known and the line of the last hour has some length."""
    expect(page.locator("#fleet-series-rows")).not_to_contain_text("not known", timeout=150_000)
    page.wait_for_timeout(120_000)


if __name__ == "__main__":
    main()
