"""`flask numbers mint` as a process: its file, its end by a signal, and how far it has come."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.commands import ROOT, environment
from tests.support.stores import Stores
from tests.support.terminal import on_a_terminal
from tests.support.waiting import wait_until

NUMBER = re.compile(r"MYID[0-9A-Z]{12}")
WORDS = ("numbers", "mint", "--origin", "MY", "--destination", "ID", "--count")
# Enough to be interrupted in; a run of serials is spent at a time.
MANY = 20_000_000
RUN = 100_000


def start(
    url: str,
    *arguments: str,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    umask: int = 0o022,
    prepare: Callable[[], None] = lambda: None,
) -> subprocess.Popen[bytes]:
    """Begin to mint in a process of its own."""

    def before() -> None:
        # A shell that starts the tests in the background lets them ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prepare()

    return subprocess.Popen(
        [sys.executable, "-m", "flask", *WORDS, *arguments],
        cwd=ROOT,
        env=environment(DATABASE_URL=url),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        umask=umask,
        preexec_fn=before,  # noqa: PLW1509 - nothing that needs a lock is done there
    )


def states(url: str) -> list[tuple[int, int, str]]:
    with Stores(url) as stores:
        return stores.states("default")


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_is_open_to_whom_the_umask_says(
    migrated_sqlite_url: str, tmp_path: Path, umask: int, mode: int
) -> None:
    output = tmp_path / "numbers.txt"
    process = start(migrated_sqlite_url, "10", "--output", str(output), umask=umask)
    _, err = process.communicate(timeout=60)

    assert (0, b"") == (process.returncode, err)
    assert mode == stat.S_IMODE(output.stat().st_mode)


def test_a_full_disk_leaves_no_half_file(migrated_sqlite_url: str, tmp_path: Path) -> None:
    """A limit of file sizes stands for the disk: the kernel refuses the write in the same way."""
    output = tmp_path / "numbers.txt"
    limit = 3 * 2**20
    process = start(
        migrated_sqlite_url,
        "1000000",
        "--output",
        str(output),
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, err = process.communicate(timeout=60)

    assert 1 == process.returncode
    assert err.decode() == f"Error: {output} cannot be written: {os.strerror(errno.EFBIG)}\n"
    assert not list(tmp_path.glob("*numbers.txt*"))
    assert "returned" == states(migrated_sqlite_url)[-1][2]


def partial(folder: Path) -> Path | None:
    """The file that is being written, once something is in it."""
    found = [path for path in folder.glob(".numbers.txt.*") if path.stat().st_size]
    return found[0] if found else None


@pytest.fixture
def minting(database_url: str, tmp_path: Path) -> Any:
    """A process in the middle of a large file, where another of that name is already."""
    (tmp_path / "numbers.txt").write_text("what was there before\n")
    words = (str(MANY), "--force", "--output", str(tmp_path / "numbers.txt"))
    process = start(database_url, *words)
    try:
        wait_until(lambda: partial(tmp_path), seconds=30, what="the first numbers")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_ctrl_c_leaves_no_half_file_and_hands_back(
    minting: subprocess.Popen[bytes], database_url: str, tmp_path: Path
) -> None:
    minting.send_signal(signal.SIGINT)
    out, err = minting.communicate(timeout=30)

    assert 1 == minting.returncode
    assert (b"", b"Aborted!") == (out, err.strip())
    assert [tmp_path / "numbers.txt"] == list(tmp_path.glob("*numbers.txt*"))
    assert "what was there before\n" == (tmp_path / "numbers.txt").read_text()
    spent, returned = states(database_url)
    assert (0, "spent", MANY, "returned") == (spent[0], spent[2], returned[1], returned[2])
    assert spent[1] == returned[0]
    assert 0 == spent[1] % RUN


def test_a_kill_leaves_the_old_file(
    minting: subprocess.Popen[bytes], database_url: str, tmp_path: Path
) -> None:
    minting.kill()
    minting.communicate(timeout=30)

    assert "what was there before\n" == (tmp_path / "numbers.txt").read_text()
    # Lost, and never leased again.
    assert [(0, MANY, "leased")] == states(database_url)
    with Stores(database_url) as stores:
        assert MANY == stores.store().lease("default", 1).block.start


def test_a_file_that_was_made_in_the_meantime_is_left_alone(
    migrated_sqlite_url: str, tmp_path: Path
) -> None:
    output = tmp_path / "numbers.txt"
    process = start(migrated_sqlite_url, "2000000", "--output", str(output))
    wait_until(lambda: partial(tmp_path), seconds=30, what="the first numbers")
    output.write_text("what another wrote\n")
    _, err = process.communicate(timeout=60)
    written = partial(tmp_path)

    assert 1 == process.returncode
    assert "what another wrote\n" == output.read_text()
    # They are issued, so they are not thrown away.
    assert written is not None
    assert f"left as it is; see {written}\n" in err.decode()
    assert 2_000_000 == len(set(written.read_text().splitlines()))


@pytest.mark.parametrize("redirected", [True, False], ids=["> numbers.txt", "--output numbers.txt"])
def test_a_terminal_shows_how_far_it_has_come(
    migrated_sqlite_url: str, tmp_path: Path, redirected: bool
) -> None:
    path = tmp_path / "numbers.txt"
    if redirected:
        with path.open("wb") as file:
            shown = on_a_terminal(migrated_sqlite_url, *WORDS, "300000", stdout=file)
    else:
        shown = on_a_terminal(migrated_sqlite_url, *WORDS, "300000", "--output", str(path))
    percents = {int(percent) for percent in re.findall("([0-9]+)%", shown.screen)}

    assert 0 == shown.code
    assert {0, 100} <= percents
    assert len(percents) > 2
    # And the numbers have nothing of it among them.
    numbers = path.read_text().splitlines()
    assert 300_000 == sum(NUMBER.fullmatch(number) is not None for number in numbers)
    assert 300_000 == len(numbers)


def test_numbers_on_a_terminal_have_no_bar_among_them(migrated_sqlite_url: str) -> None:
    shown = on_a_terminal(migrated_sqlite_url, *WORDS, "1000")
    numbers = shown.screen.split("\n")

    assert 0 == shown.code
    assert "" == numbers.pop()
    assert 1000 == len(numbers)
    assert all(NUMBER.fullmatch(number) for number in numbers)
