"""Files that the documents name: they exist, so that a renamed one is not left behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT

NAMED = re.compile(r"`([a-z_0-9]+(?:/[a-z_0-9]+)*\.py)`")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    missing = [
        file
        for file in named
        if not (ROOT / file).is_file() and not (ROOT / "tracking_service" / file).is_file()
    ]

    assert [] == missing
