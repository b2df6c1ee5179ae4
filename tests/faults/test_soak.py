"""`make soak` runs, says what it did, and can fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.commands import ROOT, environment


def soak(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", *arguments],
        cwd=ROOT,
        env=environment(SOAK_SECONDS=f"{seconds:g}", SOAK_SEED="7"),
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_a_short_soak_holds() -> None:
    done = soak(seconds=6)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "SOAK_SEED=7" in done.stdout
    assert "0 numbers twice, 0 from outside a recorded block: held" in done.stdout


@pytest.mark.parametrize("variant", ["block_twice", "unrecorded_block"])
def test_a_soak_of_a_broken_service_fails(variant: str) -> None:
    done = soak(f"tests.faults.broken.{variant}", seconds=1)

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "FAILED, repeat it with SOAK_SEED=7" in done.stdout
