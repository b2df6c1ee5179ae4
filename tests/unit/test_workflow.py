"""The workflow of a public CI fits its schema, and runs what a change must pass on each Python."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def check(path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run(
        [program, "--builtin-schema", "vendor.github-workflows", path],
        capture_output=True,
        text=True,
        timeout=60,
    )


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["ci"]["steps"]
    return found


def classifiers() -> list[str]:
    """The versions of Python that the metadata names."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    words = [line.split(" :: ") for line in parser["metadata"]["classifiers"].split("\n")]
    return [each[-1] for each in words if each[:2] == ["Programming Language", "Python"]][1:]


def test_the_workflow_fits_its_schema() -> None:
    done = check(WORKFLOW)

    assert 0 == done.returncode, done.stdout


def test_a_planted_fault_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "ci.yml"
    path.write_text(WORKFLOW.read_text().replace("runs-on:", "runs-at:"))

    assert "runs-at" in check(path).stdout


def test_the_workflow_runs_what_a_change_must_pass() -> None:
    assert [step["run"] for step in steps() if ".ci/run" in step.get("run", "")]


def test_each_python_that_the_metadata_names_is_run() -> None:
    (installed,) = (step["with"]["python-version"].split() for step in steps() if "with" in step)
    tox = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["tox"]

    assert classifiers() == installed
    assert set(classifiers()) <= set(tox["env_list"])


@pytest.mark.parametrize(
    "line", ["make lint", "make test-system", "make dist", "make test-pythons"]
)
def test_ci_runs(line: str) -> None:
    assert line in (ROOT / ".ci" / "run").read_text().splitlines()
