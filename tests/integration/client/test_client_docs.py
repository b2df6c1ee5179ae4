"""docs/client.md: its examples run as they stand, and its tables have what the code has."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

from tests.support.commands import ROOT, environment
from tests.support.instance import Instance
from tracking_service import client

PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
URL = r"http://127\.0\.0\.1:\d+"


def test_the_examples_run_one_after_the_other(migrated_sqlite_url: str, tmp_path: Path) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        program = re.sub(URL, instance.url, "\n".join(EXAMPLES))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert (0, "") == (done.returncode, done.stderr)
    assert len(EXAMPLES) > 6
    assert "weight must be" in done.stdout
    assert (tmp_path / "numbers.spool").is_file()


def test_every_error_is_in_the_table() -> None:
    table = PAGE.partition("\n## Errors\n")[2].partition("\n## ")[0]
    errors = {
        name
        for name in client.__all__
        if inspect.isclass(kind := getattr(client, name)) and issubclass(kind, Exception)
    }

    assert errors == {name for name in re.findall(r"`(\w+)`", table) if name in client.__all__}


def test_every_default_is_that_of_the_code() -> None:
    parameters = inspect.signature(client.Client).parameters
    table = PAGE.partition("| argument |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.MULTILINE)

    assert {"timeout", "give_up_after"} == {name for name, _ in rows}
    for name, default in rows:
        assert float(default) == parameters[name].default


def test_no_link_depends_on_where_the_page_lies() -> None:
    """It is the README of `clients/python` too, beside which the other documents are not."""
    links = re.findall(r"\]\(([^)]+)\)", PAGE)

    assert [] == [link for link in links if not link.startswith(("https://", "#"))]
    assert PAGE == (ROOT / "clients" / "python" / "README.md").read_text(encoding="utf-8")
