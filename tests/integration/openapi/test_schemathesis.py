"""Schemathesis finds nothing: valid and invalid requests, every check, against a real instance.

https://schemathesis.readthedocs.io/
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment, flask
from tests.support.instance import Instance
from tracking_service.api.assets import openapi_document

PATHS = json.loads(openapi_document(keys=False))["paths"]
OPERATIONS = sum(len(path.keys() & {"get", "head", "post"}) for path in PATHS.values())

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")

# `default` is the one series that exists; another is a 400, as the document says. So is a check
# algorithm that is not for the alphabet.
CONFIG = f"""
hooks = "{HOOKS}"
[parameters]
"query.series" = "default"
"body.series" = "default"
"query.alphabet" = "digits"
"query.check" = "damm"
[generation]
deterministic = true
max-examples = 25
"""


def run(
    folder: Path, document: str, *options: str, token: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis on a document, which is a URL or a file."""
    config = folder / "schemathesis.toml"
    auth = f'[auth.openapi.key]\nbearer = "{token}"\n' if token else ""
    config.write_text(CONFIG + auth)
    command = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            *(str(command), "--config-file", str(config)),
            *("run", document, "--checks", "all", "--no-color", *options),
        ],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), PATH=os.environ["PATH"]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )


def passed(output: str) -> int:
    """How many requests there were, none of which failed a check."""
    found = re.search(r"(\d+) generated, (\d+) passed", output)
    return int(found[1]) if found and found[1] == found[2] else 0


def test_schemathesis_finds_nothing(migrated_sqlite_url: str, tmp_path: Path) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        done = run(tmp_path, f"{instance.url}/openapi.json")

    assert 0 == done.returncode, done.stdout
    assert 1000 < passed(done.stdout), done.stdout
    assert f"{OPERATIONS} selected / {OPERATIONS} total" in done.stdout


def test_schemathesis_finds_nothing_where_keys_are_needed(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": migrated_sqlite_url, "TRACKING_AUTH": "required"}
    scopes = [f"--scope={scope}" for scope in ("issue", "verify", "operate")]
    made = flask("keys", "create", "everything", *scopes, env=env)
    token = re.search(r"tn_[A-Za-z0-9_-]{43}", made.stdout)
    assert token, made.stderr
    with Instance(env) as instance:
        done = run(tmp_path, f"{instance.url}/openapi.json", "-n", "5", token=token[0])

    assert 0 == done.returncode, done.stdout
    assert 500 < passed(done.stdout), done.stdout


@pytest.mark.parametrize("fault", ["status", "schema"])
def test_schemathesis_would_find_a_fault(
    migrated_sqlite_url: str, tmp_path: Path, fault: str
) -> None:
    """The document is changed on its way: what it then leaves out must be found."""
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        text = instance.get("/openapi.json").body.decode()
        changed = {
            "status": text.replace('"404":', '"418":'),
            "schema": text.replace('"enum": ["issued", "reserved"]', '"enum": ["lost"]').replace(
                '"enum": ["ok"]', '"enum": ["fine"]'
            ),
        }[fault]
        document = tmp_path / "openapi.json"
        document.write_text(changed)
        quick = ("-n", "5", "--phases", "examples,fuzzing")
        done = run(tmp_path, str(document), "--url", instance.url, *quick)

    assert changed != text
    assert 1 == done.returncode, done.stdout
