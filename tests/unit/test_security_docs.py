"""docs/security.md and docs/uniqueness.md name tests that there are."""

from __future__ import annotations

import re

import pytest

from tests.support.commands import ROOT
from tracking_service.auth import Scope

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page, least", [("security", 20), ("uniqueness", 13)])
def test_every_test_that_is_named_is_there(page: str, least: int) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    named = re.findall(r"`(test_\w+)`", text)
    files = re.findall(r"`(tests/\S+\.py)`", text)

    assert len(named) > least
    assert [] == [name for name in named if f"def {name}(" not in sources]
    assert [] == [file for file in files if not (ROOT / file).is_file()]


def test_every_scope_is_told_of() -> None:
    assert [] == [scope for scope in Scope if f"| `{scope}` |" not in PAGE]
