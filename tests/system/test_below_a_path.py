"""The page below /tracking/, behind a real nginx, in a real Chromium."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import expect

from tests.support.commands import ROOT
from tests.support.instance import Instance
from tests.support.nginx import Nginx
from tests.system.clerk import ask
from tests.system.conftest import OpenPage

REWRITE = "rewrite ^/tracking(/.*)$ $1 last;"
HEADER = "proxy_set_header X-Forwarded-Prefix /tracking;"


def test_a_person_asks_for_a_number_checks_it_and_reads_the_docs(
    watched: OpenPage, migrated_sqlite_url: str
) -> None:
    lines = [REWRITE, HEADER]
    documented = (ROOT / "docs" / "deploy.md").read_text()
    changes = {
        "    server_tokens off;\n": f"    server_tokens off;\n    {REWRITE}\n",
        'proxy_set_header X-Forwarded-Prefix "";': HEADER,
        # What the configuration keeps to the instances is for callers here.
        "    location / {\n        return 404;": (
            "    location / {\n        proxy_pass http://$tracking_upstream;"
        ),
    }
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_TRUSTED_HOPS": "1"}
    with Instance(env) as instance, Nginx([instance.address], changes=changes) as nginx:
        host, port = nginx.address
        one = watched()
        # All that a page asks of its host is asked of nginx.
        front: Any = SimpleNamespace(url=f"http://{host}:{port}")
        one.instance = front
        page = one.open("/tracking/")
        ask(page)
        shown = page.locator("#asked .number")
        expect(shown).to_have_text(re.compile("^MYID[0-9A-Z]{12}$"))
        number = shown.inner_text()
        expect(page.get_by_role("img", name=f"Barcode of {number}")).to_be_visible()
        page.get_by_role("button", name="Check it").click()
        expect(page.locator("#checked strong")).to_have_text("Issued")
        expect(page.locator("#curl")).to_contain_text(f"{front.url}/tracking/api/")
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.locator(".servers select option")).to_have_text(re.compile("^/tracking"))

    assert all(line in documented for line in lines)
