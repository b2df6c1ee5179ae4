"""The path of a GET for one number, as the architecture has it, beside a trace of one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.commands import ROOT

STEP = re.compile(r"^\d+\. .*?`([a-z_/]+\.py)`", re.MULTILINE)


def test_the_files_on_the_path_of_a_get_are_those_that_are_named(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## The path of a request")[2].partition("\n## ")[0]
    program = [sys.executable, "-m", "tests.support.traced_get"]
    done = subprocess.run(
        [*program, migrated_sqlite_url, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    traced = json.loads(done.stdout)

    # The format's own files are as many as the series needs.
    assert sorted(STEP.findall(section)) == [
        file for file in traced if not file.startswith("numbering/")
    ]
    assert any(file.startswith("numbering/") for file in traced)
