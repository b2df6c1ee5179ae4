"""`flask numbers`: minted in advance, whole or not at all; and traced back."""

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
from flask import Flask

from tests.support.answers import Run, data
from tests.support.apps import backstage
from tests.support.commands import ROOT, environment
from tests.support.stores import Stores
from tests.support.waiting import wait_until

NUMBER = re.compile(r"MYID[0-9A-Z]{12}")
WORDS = ("numbers", "mint", "--origin", "MY", "--destination", "ID", "--count")
# Enough to be interrupted in; a run of serials is spent at a time.
MANY = 20_000_000
RUN = 100_000


def start(
    url: str,
    *arguments: str,
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
        stdout=subprocess.PIPE,
        stderr=stderr,
        umask=umask,
        preexec_fn=before,  # noqa: PLW1509 - nothing that needs a lock is done there
    )


def states(url: str) -> list[tuple[int, int, str]]:
    with Stores(url) as stores:
        return stores.states("default")


def test_numbers_are_minted_one_a_line(run: Run, app: Flask) -> None:
    result = run(*WORDS, "12345")
    lines = result.stdout.split("\n")
    numbers = lines[:-1]

    assert "" == lines[-1]
    assert 12_345 == len(numbers) == len(set(numbers))
    assert all(NUMBER.fullmatch(number) for number in numbers)
    # A bar would be in the way of a pipe.
    assert "" == result.stderr
    verifier = backstage(app).verifier
    assert {"issued"} == {verifier.verify(number).status for number in numbers[::1000]}
    assert [0, 12_344] == [verifier.trace(numbers[at]).decoded.serial for at in (0, -1)]


def test_what_is_over_goes_back_and_is_minted_next(run: Run, database_url: str) -> None:
    first = run(*WORDS, "4000").stdout.split()
    after_first = states(database_url)
    second = run(*WORDS, "7000").stdout.split()

    assert [(0, 4_000, "spent"), (4_000, 10_000, "returned")] == after_first
    assert 11_000 == len({*first, *second})
    assert [
        (0, 4_000, "spent"),
        (4_000, 10_000, "spent"),
        (10_000, 11_000, "spent"),
        (11_000, 20_000, "returned"),
    ] == states(database_url)


def test_a_series_can_be_named(run: Run, refuse: Run) -> None:
    run(*["series", "create", "post", "--format", "s10", "--service", "RA", "--country", "MY"])
    (number,) = run(*WORDS, "1", "--series", "post").stdout.split()
    words = [
        "numbers",
        "mint",
        "--origin",
        "SG",
        "--destination",
        "ID",
        "--count",
        "1",
        "--series",
        "post",
    ]

    assert re.fullmatch(r"RA[0-9]{9}MY", number)
    assert "must be MY" in refuse(*words).stderr


def test_a_series_that_ends_in_the_middle_leaves_no_file(
    run: Run, refuse: Run, tmp_path: Path
) -> None:
    run(*["series", "create", "few", "--format", "routed", "--serials", "15", "--block-size", "10"])
    output = tmp_path / "numbers.txt"
    result = refuse(*WORDS, "16", "--series", "few", "--output", str(output))

    assert "series exhausted: few" in result.stderr
    assert not list(tmp_path.glob("*numbers.txt*"))


def test_a_file_is_written_whole(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "numbers.txt"
    output.write_text("what was there before\n")
    result = run(*WORDS, "25000", "--output", str(output))
    numbers = output.read_text().splitlines()

    assert "" == result.output
    assert 25_000 == len(set(numbers))
    assert [output] == list(tmp_path.glob("*numbers.txt*"))


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_is_open_to_whom_the_umask_says(
    migrated_sqlite_url: str, tmp_path: Path, umask: int, mode: int
) -> None:
    output = tmp_path / "numbers.txt"
    process = start(migrated_sqlite_url, "10", "--output", str(output), umask=umask)
    _, err = process.communicate(timeout=60)

    assert (0, b"") == (process.returncode, err)
    assert mode == stat.S_IMODE(output.stat().st_mode)


@pytest.mark.parametrize(
    "place, message",
    [
        ("missing/numbers.txt", "No such file or directory"),
        ("a-file/numbers.txt", "Not a directory"),
        ("n" * 250, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_made_is_told_in_one_line(
    refuse: Run, tmp_path: Path, database_url: str, place: str, message: str
) -> None:
    (tmp_path / "a-file").write_text("")
    result = refuse(*WORDS, "10", "--output", str(tmp_path / place))

    assert f"cannot be written: {message}" in result.stderr
    # And costs nothing.
    assert [] == states(database_url)


def test_a_device_is_not_replaced_by_a_file(refuse: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "is not a regular file" in refuse(*WORDS, "10", "--output", str(pipe)).stderr
    assert stat.S_ISFIFO(pipe.stat().st_mode)


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
    process = start(database_url, str(MANY), "--output", str(tmp_path / "numbers.txt"))
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


def written_to(terminal: int) -> bytes:
    """All that is written to a terminal until its last process ends and it hangs up."""
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return shown


def test_a_terminal_shows_how_far_it_has_come(migrated_sqlite_url: str, tmp_path: Path) -> None:
    output = str(tmp_path / "numbers.txt")
    terminal, end = os.openpty()
    with os.fdopen(end, "wb", buffering=0) as stderr:
        process = start(migrated_sqlite_url, "300000", "--output", output, stderr=stderr)
    try:
        shown = written_to(terminal)
    finally:
        os.close(terminal)
        process.communicate(timeout=30)
    percents = {int(percent) for percent in re.findall(rb"([0-9]+)%", shown)}

    assert 0 == process.returncode
    assert {0, 100} <= percents
    assert len(percents) > 2


def test_a_number_is_traced(run: Run, app: Flask) -> None:
    number = run(*WORDS, "5").stdout.split()[3]
    typed = f"{number[:4].lower()} {number[4:10]}-{number[10:]}"
    facts = data(run("numbers", "inspect", typed, "--json"))
    block = backstage(app).blocks.by_id(1)

    assert block is not None
    assert {
        "tracking_number": number,
        "series": "default",
        "serial": 3,
        "block_id": 1,
        "state": "spent",
        "instance": block.instance,
        "leased_at": f"{block.leased_at:%Y-%m-%dT%H:%M:%SZ}",
        "released_at": f"{block.released_at:%Y-%m-%dT%H:%M:%SZ}",
    } == facts

    lines = run("numbers", "inspect", number).stdout.splitlines()

    assert {name: str(fact) for name, fact in facts.items()} == dict(
        line.split(maxsplit=1) for line in lines
    )
