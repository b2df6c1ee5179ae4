"""`make soak` runs, says what it did, and can fail."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.commands import ROOT, environment

VARIANTS = ["block_twice", "unrecorded_block"]


def soak(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", *arguments],
        cwd=ROOT,
        env=environment(SOAK_SECONDS=f"{seconds:g}", SOAK_SEED="7"),
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.fixture(scope="module")
def soaks() -> dict[str, subprocess.CompletedProcess[str]]:
    """A soak of the service and of each variant that is broken, all at once."""
    with ThreadPoolExecutor(1 + len(VARIANTS)) as pool:
        sound = pool.submit(soak, seconds=6)
        broken = {
            variant: pool.submit(soak, f"tests.faults.broken.{variant}", seconds=1)
            for variant in VARIANTS
        }
        return {name: run.result() for name, run in {**broken, "sound": sound}.items()}


def test_a_short_soak_holds(soaks: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = soaks["sound"]

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "SOAK_SEED=7" in done.stdout
    assert "0 numbers twice, 0 from outside a recorded block: held" in done.stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_soak_of_a_broken_service_fails(
    soaks: dict[str, subprocess.CompletedProcess[str]], variant: str
) -> None:
    done = soaks[variant]

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "FAILED, repeat it with SOAK_SEED=7" in done.stdout
