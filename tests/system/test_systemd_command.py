"""deploy/systemd/tracking-service: a command as the instances' user, for whoever types it.

The script as it stands, but for the paths and the user, and under the system's own shell.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ROOT, environment
from tests.support.waiting import wait_until

SCRIPT = ROOT / "deploy" / "systemd" / "tracking-service"
USER = pwd.getpwnam("nobody")
# Of somebody who may use sudo; the number needs no name.
CALLER = 12345

# Stands in for the program: says as whom it runs and what it was told.
PROBE = """\
#!/bin/sh
echo "uid=$(id -u) folder=$(pwd) url=$DATABASE_URL state=$TRACKING_STATE_DIR home=$HOME"
echo "arguments=$*"
if [ "$1" = wait ]; then exec sleep 60; fi
if [ "$1" = write ]; then echo written > "$3"; fi
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the service's user may walk through; pytest's own is for root alone."""
    path = Path(tempfile.mkdtemp(prefix="tracking-command-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def home(folder: Path) -> Path:
    """A folder that is the caller's alone."""
    path = folder / "home"
    path.mkdir(mode=0o700)
    os.chown(path, CALLER, CALLER)
    return path


@pytest.fixture
def script(folder: Path) -> Path:
    if os.geteuid() != 0:
        raise RuntimeError("the script needs root: run `make test-system` as root")
    text = SCRIPT.read_text()
    changes = {
        "program=/opt/tracking-service/.venv/bin/tracking-service": f"program={folder}/probe",
        "settings=/etc/tracking-service.env": f"settings={folder}/settings",
        "home=/var/lib/tracking": f"home={folder}/of-tracking",
        "user=tracking\n": f"user={USER.pw_name}\n",
        # Debian's nobody has a group of another name.
        '--group="$user"': f"--group={USER.pw_gid}",
        "--regid=$user": f"--regid={USER.pw_gid}",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "tracking-service"
    path.write_text(text)
    (folder / "probe").write_text(PROBE)
    for each in (path, folder / "probe"):
        each.chmod(0o755)
    (folder / "settings").write_text(
        "# The database\nDATABASE_URL='postgresql://t:p%40@/t?host=/a&x=$y'\n"
    )
    return path


def run(script: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        cwd=home,
        env=environment(SUDO_UID=str(CALLER), SUDO_GID=str(CALLER)),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_runs_as_the_instances_do_in_the_folder_where_it_is_typed(
    script: Path, home: Path, folder: Path
) -> None:
    done = run(script, home, "series", "list", "--limit", "10")

    assert (0, "") == (done.returncode, done.stderr)
    assert (
        f"uid={USER.pw_uid} folder={home} url=postgresql://t:p%40@/t?host=/a&x=$y"
        f" state={folder}/of-tracking/cli home={folder}/of-tracking\narguments=series list --limit 10\n"
    ) == done.stdout


@pytest.mark.parametrize(
    "arguments",
    # The probe writes to its third argument.
    [["write", "--output", "labels.txt"], ["write", "--output=labels.txt", "labels.txt"]],
)
def test_a_file_that_it_writes_is_the_callers(
    arguments: list[str], script: Path, home: Path
) -> None:
    done = run(script, home, *arguments)
    written = (home / "labels.txt").stat()

    assert (0, "") == (done.returncode, done.stderr)
    assert (CALLER, CALLER, 0o600) == (written.st_uid, written.st_gid, written.st_mode & 0o777)


def test_a_command_without_a_file_may_write_nothing_of_the_callers(
    script: Path, home: Path
) -> None:
    done = run(script, home, "write", "x", "labels.txt")

    assert 0 != done.returncode
    assert not (home / "labels.txt").exists()


@pytest.mark.parametrize("option", [[], ["--output", "labels.txt"]], ids=["plain", "output"])
def test_ctrl_c_ends_it(option: list[str], script: Path, home: Path) -> None:
    process = subprocess.Popen(
        [script, "wait", *option],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that starts the tests in the background lets them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout is not None
    # It has begun; the line before tells that all is set up.
    process.stdout.readline()
    process.stdout.readline()
    began = time.monotonic()
    # A terminal sends it to all that run in the foreground.
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=20)
    process.stdout.close()

    assert 0 != process.returncode
    assert time.monotonic() - began < 20
    wait_until(lambda: not group_lives(process.pid), seconds=10, what="an end of the program")


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_root_it_says_what_to_type(script: Path, folder: Path) -> None:
    done = subprocess.run(
        [script, "series", "list"],
        cwd=folder,
        user=USER.pw_uid,
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert 1 == done.returncode
    assert "sudo tracking-service series list" in done.stderr


def test_the_program_goes_by_the_name_that_is_typed() -> None:
    program = Path(sys.executable).with_name(SCRIPT.name)
    done = subprocess.run([program, "series", "--help"], capture_output=True, text=True, timeout=60)

    assert 0 == done.returncode
    assert done.stdout.startswith("Usage: tracking-service series")
