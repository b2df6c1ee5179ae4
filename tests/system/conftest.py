"""A real Chromium, and pages that tell whatever a browser finds wrong with them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.support.debian import program
from tests.support.instance import Instance
from tests.support.stores import Stores
from tracking_service.store.api_keys import ApiKeyStore

# Chromium as root has no sandbox, and would otherwise ask its maker's hosts for this and that.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = (1280, 900)
PHONE = (360, 740)
# What is checked of WCAG 2.2, level AA: the rules that a program can judge.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def violations(page: Page, within: str | None = None, *, but: Sequence[str] = ()) -> str:
    """What axe finds wrong with a page as it stands, or with a part of it; "" for nothing.

    The rules named in `but` are not applied.

    Contrast, labels, landmarks, roles: https://github.com/dequelabs/axe-core
    """
    options = {**RULES, "rules": {rule: {"enabled": False} for rule in but}}
    results = Axe().run(page, context=within, options=options)
    return str(results.generate_report()) if results.violations_count else ""


@dataclass
class Watched:
    """A page, and all that went wrong on it."""

    page: Page
    instance: Instance
    faults: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.instance.url + path)
        return self.page


OpenPage = Callable[..., Watched]


def is_end(message: str, instance: Instance) -> bool:
    """Whether a message tells only that a test has ended its instance, and a page still asked it."""
    return "net::ERR_CONNECTION_" in message and not getattr(instance, "running", True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = program("chromium", package="chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def instance(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that tests share; one that needs its own puts it into `Watched.instance`."""
    folder = tmp_path_factory.mktemp("system")
    for part in migrated_file.parent.glob(f"{migrated_file.name}*"):
        shutil.copy(part, folder / part.name)
    with Instance({"DATABASE_URL": f"sqlite:///{folder / migrated_file.name}"}) as running:
        yield running


@dataclass
class Keyed:
    """An instance whose callers need a key, and a token for each scope."""

    instance: Instance
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def keyed(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Shared by tests that make and revoke no keys."""
    folder = tmp_path_factory.mktemp("keyed")
    for part in migrated_file.parent.glob(f"{migrated_file.name}*"):
        shutil.copy(part, folder / part.name)
    url = f"sqlite:///{folder / migrated_file.name}"
    with Stores(url) as stores:
        keys = ApiKeyStore(stores.database)
        tokens = {scope: keys.create(scope, [scope])[1] for scope in ("issue", "verify", "operate")}
    with Instance({"DATABASE_URL": url, "TRACKING_AUTH": "required"}) as running:
        yield Keyed(running, tokens)


@pytest.fixture
def watched(browser: Browser, instance: Instance) -> Iterator[OpenPage]:
    """Opens pages; the test fails where one of them had an error, or asked another host.

    Answers of 400 and above are part of what a page handles, though Chromium reports them as
    errors: those of the paths in `expected` are let through.
    """
    opened: list[Watched] = []

    def new(
        *,
        size: tuple[int, int] = DESK,
        dark: bool = False,
        expected: tuple[str, ...] = (),
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(10_000)
        one = Watched(context.new_page(), instance)

        def console(message: ConsoleMessage) -> None:
            url = str(message.location.get("url", ""))
            if is_end(message.text, one.instance) or any(part in url for part in expected):
                return
            if message.type in {"error", "warning"}:
                one.faults.append(f"console: {message.text} ({url})")

        def told(fault: str) -> None:
            one.faults.append(fault)

        def request(asked: Request) -> None:
            parts, host = urlsplit(asked.url), urlsplit(one.instance.url).netloc
            if parts.scheme not in {"data", "blob"} and parts.netloc != host:
                one.faults.append(f"asked another host: {asked.url}")

        one.page.on("console", console)
        one.page.on("pageerror", lambda error: one.faults.append(f"script: {error}"))
        one.page.on("request", request)
        one.page.expose_function("told", told)
        one.page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " event => told(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        opened.append(one)
        return one

    yield new
    for one in opened:
        one.page.context.close()

    assert [] == [fault for one in opened for fault in one.faults]
