"""The repository names no package registry and no folder of one person's machine.

Lock files and settings are for everyone, wherever their packages come from.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ROOT

# Put together from parts, so that this file does not hold what it looks for.
HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "pypi" + ".python"]
FOLDERS = ["home", "root", "Users", "work", "workspace", "workspaces", "builds"]
PATHS = ["file:" + "///", *(f"/{folder}/" for folder in FOLDERS)]
FLAGS = ["--index" + "-url", "--extra-index" + "-url", "--find" + "-links"]
FORBIDDEN = re.compile("|".join(map(re.escape, HOSTS + PATHS + FLAGS)))

# The Makefile keeps uv from writing such lines: it must name the flags that say so.
ALLOWED = re.compile("--no-emit-index" + "-url|--no-emit-find" + "-links")


def files(root: Path) -> list[Path]:
    """The files that git tracks, and those that it would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=60)
    return [root / name for name in sorted(set(listed.stdout.decode().split("\0"))) if name]


def findings(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        # One that is deleted but not yet committed is listed as well.
        if not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN.search(ALLOWED.sub("", line)):
                yield f"{path.name}:{number}: {line.strip()}"


def test_no_file_names_a_registry_or_a_path_of_this_machine() -> None:
    # A release archive is no checkout: there the files in it are what counts.
    paths = files(ROOT) if (ROOT / ".git").exists() else sorted((ROOT / "requirements").iterdir())

    assert len(paths) > 2
    assert [] == list(findings(paths))


@pytest.mark.parametrize("planted", HOSTS + PATHS + FLAGS)
def test_a_planted_line_is_found(tmp_path: Path, planted: str) -> None:
    git = shutil.which("git") or "git"
    subprocess.run([git, "init", "--quiet"], cwd=tmp_path, check=True, timeout=60)
    (tmp_path / "notes.txt").write_text(f"fine\nsee {planted}x\n")

    expected = [f"notes.txt:2: see {planted}x"]

    assert expected == list(findings(files(tmp_path)))


def test_an_ignored_file_is_not_looked_at(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True, timeout=60)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "run.log").write_text(HOSTS[0])

    assert [tmp_path / ".gitignore"] == files(tmp_path)
