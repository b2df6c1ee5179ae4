"""A spool that was damaged or copied gives no number, and a file of another kind stays as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.spools import LANE, left_in, numbers, opened, written
from tracking_service.client import SpoolError
from tracking_service.client.spool_format import Header, batch_line, check_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a digit less taken": lambda content: content.replace(b"\n=4 ", b"\n=3 "),
    "another number": lambda content: content.replace(b"0000000004", b"0000000014"),
    "a line left out": lambda content: b"".join(
        line for line in content.splitlines(keepends=True) if not line.startswith(b"=3")
    ),
    "lines in another order": lambda content: b"".join(
        sorted(content.splitlines(keepends=True), reverse=True)
    ),
    "the end of a line": lambda content: content[:-1],
    "half a line": lambda content: content[:-9],
    "a line more": lambda content: content + b"=2 0123456789abcdef\n",
    "zeros": lambda content: bytes(len(content)),
    "an unfinished header": lambda content: content[:9],
    "the first version": lambda _: (
        b'tracking-service-spool 1 ["MY", "ID", "default"]\n+MYID1 MYID2\n'
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_read_for_certain_is_thrown_away(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = written(path)
    damaged = DAMAGE[damage](content)
    path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        spool = opened(path)
    assert damaged != content
    assert () == spool.remaining()
    spool.add(numbers(20, 22))
    spool.close()

    assert numbers(20, 22) == list(left_in(path))
    assert "thrown away" in caplog.text


def test_no_changed_byte_gives_a_number_that_was_not_left(path: Path) -> None:
    content = written(path)
    # The name and the version at the beginning are tried above.
    for place in range(24, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert () == left_in(path), place


@pytest.mark.parametrize(
    "content, told",
    [
        (b"no spool", "is not a spool"),
        (b"order,number\n1,MYID1\n", "is not a spool"),
        (b"\xff\xfe", "is not a spool"),
        (b"tracking-service-spool\n", "is not a spool"),
        (b"tracking-service-spool 3 {}\n", "written by a later version"),
    ],
)
def test_a_file_that_is_no_spool_is_left_as_it_is(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(SpoolError, match=told):
        opened(path)

    assert content == path.read_bytes()


def test_a_copy_of_a_spool_is_thrown_away(path: Path) -> None:
    content = written(path)
    copy = path.with_name("copy")
    copy.write_bytes(content)

    assert () == left_in(copy)
    assert numbers(4, 10) == list(left_in(path))


def test_a_copy_in_the_inode_of_a_removed_spool_is_thrown_away(path: Path) -> None:
    opened(path).close()
    inode = path.stat().st_ino
    lines, check = "", b""
    header = Header(LANE, ("http://a",), inode, generation=7)
    for line in (header.line(), batch_line(numbers(0, 3))):
        check = check_of(line, check)
        lines += f"{line} {check.hex()}\n"
    path.write_text(lines)

    assert path.stat().st_ino == inode
    assert () == left_in(path)
