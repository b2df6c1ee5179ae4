"""Makes the pictures of the pages in docs/img/: `python -m tests.system.picture`."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.support.commands import ROOT, migrate
from tests.support.debian import program
from tests.support.instance import Instance
from tests.system import clerk
from tests.system.conftest import FLAGS

FOLDER = ROOT / "docs" / "img"


def main() -> None:
    """Three instances under some load; one of them shows its pages."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'tracking.sqlite3'}"
        migrate(url)
        env = {"DATABASE_URL": url}
        with Instance(env) as shown, Instance(env) as second, Instance(env) as third:
            ended = threading.Event()

            def load(instance: Instance) -> None:
                while not ended.wait(0.02):
                    instance.number()

            threads = [threading.Thread(target=load, args=(one,)) for one in (shown, second, third)]
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
    """Wait until an instance has measured a rate and the others have leased."""
    expect(page.locator("#series-rows")).not_to_contain_text("idle", timeout=20_000)
    expect(page.locator("#lease-rows time").nth(2)).to_be_visible()


if __name__ == "__main__":
    main()
