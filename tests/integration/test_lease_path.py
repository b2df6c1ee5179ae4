"""The path of a background lease, as the architecture has it, beside a trace of one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType

from tests.support.apps import opened_app
from tests.support.commands import ROOT
from tracking_service.container import services_of

PACKAGE = ROOT / "tracking_service"
FILE = re.compile(r"`([a-z_/]+\.py)`")
# The files that decide, numbered.
STEP = re.compile(r"^\d+\. (.*)$", re.MULTILINE)


def section() -> str:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return text.partition("## The path of a lease")[2].partition("**One owner.**")[0]


def traced(app_folder: Path, url: str) -> set[str]:
    """Every file of the package that runs from a serial at the low water to the block's arrival."""
    seen: set[str] = set()

    def see(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            seen.add(str(path.relative_to(PACKAGE)))

    with opened_app(url, app_folder) as app:
        # Never started: a round is a call, in this thread, which can be traced.
        instance = services_of(app).instance
        future = instance.registry.request("default")
        instance.leaser.step()
        allocator = future.result(0).allocator
        sys.setprofile(see)
        try:
            allocator.take(allocator.left)
            instance.leaser.step()
        finally:
            sys.setprofile(None)
        assert allocator.left
    return seen


def test_every_file_on_the_path_of_a_lease_is_named(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    seen = traced(tmp_path, migrated_sqlite_url)

    assert set() == seen - set(FILE.findall(section()))
    assert len(seen) > 12


def test_the_files_that_decide_are_at_most_twelve() -> None:
    decide = {file for step in STEP.findall(section()) for file in FILE.findall(step)}
    # A database is one or the other.
    decide.remove("store/database/postgresql.py")

    assert 12 >= len(decide) > 6
    named = (file for file in FILE.findall(section()) if not file.startswith("tests/"))
    assert all((PACKAGE / file).is_file() for file in named)
