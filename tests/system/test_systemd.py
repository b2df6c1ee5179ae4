"""systemd's own judgement of the units."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.debian import program

# Of 10, where less is better; what is left is the network, which it is there for.
MOST = 1.5


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The instance on port 8001, with a program that exists here."""
    text = (ROOT / "deploy" / "systemd" / "tracking@.service").read_text()
    installed = "/opt/tracking-service/.venv/bin/tracking-service"
    assert installed in text
    path = tmp_path / "tracking@8001.service"
    here = Path(sys.executable).with_name("tracking-service")
    path.write_text(text.replace(installed, str(here)))
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze", package="systemd"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_unit_has_no_fault(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))

    assert (0, "") == (done.returncode, done.stderr)


def test_a_planted_fault_is_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))

    assert "ProtectHomes" in analyze("verify", "--man=no", str(unit)).stderr


def test_the_unit_gives_up_what_it_does_not_need(unit: Path) -> None:
    done = analyze("security", "--offline=yes", f"--threshold={MOST * 10:.0f}", str(unit))

    assert 0 == done.returncode, done.stdout
