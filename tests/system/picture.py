"""Makes docs/img/page.png, the picture in the README: `python -m tests.system.picture`."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.support.commands import ROOT, migrate
from tests.support.debian import program
from tests.support.instance import Instance
from tests.system.conftest import FLAGS

TARGET = ROOT / "docs" / "img" / "page.png"


def main() -> None:
    """Three instances under some load; one of them shows its page after a number was checked."""
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
                take(shown.url, TARGET)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()


def take(url: str, target: Path) -> None:
    """Take the picture of a page on which a number was asked for and checked."""
    with sync_playwright() as playwright:
        chromium = program("chromium", package="chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.goto(url)
        page.get_by_role("button", name="Get a number").click()
        page.get_by_role("button", name="Check it").click()
        expect(page.locator("#checked strong")).to_have_text("Issued")
        # A rate is known once the instance has measured one.
        expect(page.locator("#series-rows")).not_to_contain_text("idle", timeout=20_000)
        expect(page.locator("#lease-rows time").nth(2)).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=target, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
