"""The lines that docs/operations.md has for backing up and restoring, typed as they stand.

`sudo` is a script that leaves the user as it is; `tracking-service` and `.venv/bin` are those of
the tests. A line for systemd is left out, for nothing runs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import postgres_programs
from tests.support.commands import ROOT, environment, flask
from tests.support.postgres import PostgresServer

RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SUDO = """\
#!/bin/sh
if [ "$1" = -u ]; then shift 2; fi
exec "$@"
"""


def blocks(heading: str) -> list[str]:
    """The console blocks below a heading: PostgreSQL's, then SQLite's."""
    section = RUNBOOK.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```console\n(.*?)```", section, re.DOTALL)


class Shell:
    """Types lines in a folder, with `sudo`, `tracking-service` and `.venv/bin` where they belong."""

    def __init__(self, folder: Path, url: str, **more: str) -> None:
        self.url = url
        self._folder = folder
        (folder / "bin").mkdir()
        (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
        (folder / "bin" / "sudo").write_text(SUDO)
        (folder / "bin" / "sudo").chmod(0o755)
        (folder / "bin" / "tracking-service").symlink_to(
            Path(sys.executable).with_name("tracking-service")
        )
        path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
        self._env = {**environment(DATABASE_URL=url, FLASK_APP=str(ROOT / "wsgi.py")), "PATH": path}
        self._env.update(more)

    def type(self, lines: str) -> str:
        """What the lines print; the first that fails ends them, and the test."""
        kept = [line for line in lines.splitlines() if not line.startswith("sudo systemctl ")]
        done = subprocess.run(
            ["sh", "-eu", "-c", "\n".join(kept).replace("/var/backups/", f"{self._folder}/")],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout


def mint(url: str) -> list[str]:
    mint = "numbers mint --origin MY --destination ID --count 100"
    done = flask(*shlex.split(mint), env={"DATABASE_URL": url})
    assert 0 == done.returncode, done.stderr
    return done.stdout.split()


def verifies(url: str, number: str) -> bool:
    done = flask("numbers", "inspect", number, "--json", env={"DATABASE_URL": url})
    return done.returncode == 0 and json.loads(done.stdout)["tracking_number"] == number


@pytest.fixture
def sqlite(tmp_path: Path) -> Shell:
    """A folder with a new database where `make run` has it."""
    (tmp_path / "instance").mkdir()
    url = f"sqlite:///{tmp_path / 'instance' / 'tracking.sqlite3'}"
    assert 0 == flask("db", "upgrade", env={"DATABASE_URL": url}).returncode
    return Shell(tmp_path, url)


def test_sqlite_comes_back_with_its_keys_and_repeats_nothing(sqlite: Shell, tmp_path: Path) -> None:
    before = mint(sqlite.url)
    sqlite.type(blocks("Backing up")[1])
    afterwards = mint(sqlite.url)
    sqlite.type(blocks("Restoring from a backup")[1])

    assert 0o600 == (tmp_path / "tracking.backup").stat().st_mode & 0o777
    assert verifies(sqlite.url, before[0])
    assert not {*before, *afterwards} & {*mint(sqlite.url)}


def test_sqlite_comes_back_from_one_backup_again_and_repeats_nothing(
    sqlite: Shell, tmp_path: Path
) -> None:
    """The lines of the first time would lead to the serials that were leased after it."""
    numbers = mint(sqlite.url)
    # An older backup makes way for the new one.
    for _ in range(2):
        sqlite.type(blocks("Backing up")[1])
    restore, again = (blocks("Restoring from a backup")[at] for at in (1, 2))
    *others, skip = restore.splitlines()
    assert " skip " in skip
    for lines in (restore, "\n".join([*others, again])):
        numbers += mint(sqlite.url)
        sqlite.type(lines)
        # Marks would notice; an instance on another host has none.
        shutil.rmtree(tmp_path / "instance" / "high-water-marks")
    numbers += mint(sqlite.url)

    assert len(numbers) == len(set(numbers))


def test_a_postgresql_dump_comes_back_with_its_keys_and_repeats_nothing(tmp_path: Path) -> None:
    with PostgresServer.create() as server:
        server.execute("CREATE ROLE tracking LOGIN")
        server.execute("CREATE DATABASE tracking OWNER tracking")
        url = server.url("tracking").replace("postgres@", "tracking@")
        programs = Path(postgres_programs.program("pg_dump")).parent
        shell = Shell(tmp_path, url, PGHOST="127.0.0.1", PGPORT=str(server.port), PGUSER="postgres")
        for name in ("pg_dump", "pg_restore", "createdb", "dropdb"):
            (tmp_path / "bin" / name).symlink_to(programs / name)
        assert 0 == flask("db", "upgrade", env={"DATABASE_URL": url}).returncode
        before = mint(url)
        shell.type(blocks("Backing up")[0])
        afterwards = mint(url)
        shell.type(blocks("Restoring from a backup")[0])

        assert 0o600 == (tmp_path / "tracking.dump").stat().st_mode & 0o777
        assert verifies(url, before[0])
        assert not {*before, *afterwards} & {*mint(url)}
