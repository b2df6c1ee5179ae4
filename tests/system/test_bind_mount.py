"""The SQLite file alone, mounted into a fresh folder, as `docker run --volume file:file` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.answers import assert_one_line
from tests.support.commands import ROOT, environment

MOUNT_AND_RUN = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def mounted(what: Path, where: Path, *command: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Run a command on `file` in a mount namespace of its own, with `what` mounted at `where`."""
    namespace = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    flask = [sys.executable, "-m", "flask", *command]
    return subprocess.run(
        [*namespace, "sh", "-c", MOUNT_AND_RUN, "sh", what, where, *flask],
        cwd=ROOT,
        env=environment(DATABASE_URL=f"sqlite:///{file}"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def file(migrated_sqlite_url: str) -> Path:
    return Path(migrated_sqlite_url.removeprefix("sqlite:///"))


@pytest.mark.parametrize("command", ["serve --port 0", "blocks lease", "db upgrade"])
def test_a_file_that_is_mounted_without_its_folder_is_refused(
    file: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "fresh folder").mkdir()
    target = tmp_path / "fresh folder" / "tracking.sqlite3"
    target.touch()
    done = mounted(file, target, *command.split(), file=target)

    assert 1 == done.returncode
    assert_one_line(done.stderr)
    assert "is mounted without its folder" in done.stderr


def test_a_folder_that_is_mounted_takes_the_log_along(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    done = mounted(file.parent, target, "blocks", "lease", file=target / file.name)

    assert (0, "") == (done.returncode, done.stderr)
    assert "leased" in done.stdout
