"""Buffers in processes that fork or are killed, against the service itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment
from tests.support.instance import Instance
from tests.support.ledger import Ledger
from tests.support.oracle import duplicates

SIZE = 200


@pytest.fixture
def instance(migrated_sqlite_url: str) -> Iterator[Instance]:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        yield instance


def program(module: str, *arguments: object) -> list[str]:
    # From 3.12 Python warns of a fork amid threads, which is what is tried here.
    options = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    return [sys.executable, *options, "-m", module, *map(str, arguments)]


def test_a_process_that_forks_amid_its_calls_shares_no_number(
    instance: Instance, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "numbers"
    folder.mkdir()
    done = subprocess.run(
        program("tests.support.forking_caller", instance.url, folder, 24),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)
    found = {path.name: path.read_text().split() for path in folder.iterdir()}
    numbers = [number for each in found.values() for number in each]

    assert 25 == len(found)
    assert min(map(len, found.values())) >= 32
    assert {} == duplicates(numbers)
    assert [] == Ledger.read(migrated_sqlite_url).unrecorded(numbers)


def test_a_process_that_is_killed_repeats_nothing_of_its_spool(
    instance: Instance, tmp_path: Path
) -> None:
    """Killed at whatever instruction it is, twelve times; what a crash loses is bounded."""
    command = program("tests.support.spooling_caller", instance.url, tmp_path / "spool", SIZE)
    numbers: list[str] = []
    for length in range(12):
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            mine = [process.stdout.readline() for _ in range(100 + 61 * length)]
            process.kill()
            mine += process.stdout.readlines()
        numbers += [line.decode().strip() for line in mine if line.endswith(b"\n")]
    last = subprocess.run(
        [*command, "1000"], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (0, "") == (last.returncode, last.stderr)
    numbers += last.stdout.split()

    assert {} == duplicates(numbers)
    assert len(numbers) > 5000


def test_one_spool_is_not_shared(instance: Instance, tmp_path: Path) -> None:
    command = program("tests.support.spooling_caller", instance.url, tmp_path / "spool", SIZE)
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        second = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
        )
        process.kill()

    assert 1 == second.returncode
    assert "SpoolInUse" in second.stderr
