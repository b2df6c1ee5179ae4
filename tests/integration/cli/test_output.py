"""Standard output that cannot be written ends a command with one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.answers import assert_one_line
from tests.support.commands import ROOT, environment, flask
from tracking_service.cli.options import OUTPUT

MINT = "numbers mint --origin MY --destination ID --count"


def run_into(
    output: str, typed: str, url: str, *, buffered: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is what the shell's redirection says."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m flask {typed} {output}', sys.executable],
        cwd=ROOT,
        env=environment(DATABASE_URL=url) | {"PYTHONUNBUFFERED": "" if buffered else "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "typed, buffered",
    [
        ("series list", True),
        ("series show default --json", False),
        ("series export --output -", True),
        ("blocks lease", True),
        (f"{MINT} 3", True),
        (f"{MINT} 100000", True),
        (f"{MINT} 100000", False),
    ],
)
def test_a_full_disk_is_told_in_one_line(
    migrated_sqlite_url: str, typed: str, buffered: bool
) -> None:
    done = run_into("> /dev/full", typed, migrated_sqlite_url, buffered=buffered)

    assert 1 == done.returncode
    assert "Error: standard output cannot be written: No space left on device\n" == done.stderr


@pytest.mark.parametrize("typed", ["series list", "db current", f"{MINT} 3"])
def test_a_closed_output_is_told_in_one_line(migrated_sqlite_url: str, typed: str) -> None:
    done = run_into(">&-", typed, migrated_sqlite_url)

    assert 1 == done.returncode
    assert "Error: standard output is closed\n" == done.stderr


def test_a_key_whose_token_nobody_could_read_is_revoked(migrated_sqlite_url: str) -> None:
    done = run_into("> /dev/full", "keys create shop --scope issue", migrated_sqlite_url)
    env = {"DATABASE_URL": migrated_sqlite_url}

    assert 1 == done.returncode
    assert_one_line(done.stderr)
    assert "its token was not shown, so the key shop is revoked" in done.stderr
    # Its name is free.
    assert 0 == flask("keys", "create", "shop", "--scope", "issue", env=env).returncode


@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_that_has_had_enough_ends_a_command_without_a_word(
    migrated_sqlite_url: str, buffered: bool
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *MINT.split(), "100000"],
            cwd=ROOT,
            env=environment(DATABASE_URL=migrated_sqlite_url)
            | {"PYTHONUNBUFFERED": "" if buffered else "1"},
            stdin=subprocess.DEVNULL,
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
        )

    assert (1, b"") == (done.returncode, done.stderr)


def test_a_file_to_write_need_not_be_one_that_the_real_user_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo tracking-service` writes as the service's user, with the right to, into the caller's."""
    path = tmp_path / "labels.txt"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_args, **_options: False)

    assert path == OUTPUT.convert(str(path), None, None)
