"""A file in which the unused numbers of a buffer outlive its process.

A log in one file, locked by whoever has it open:

    tracking-service-spool 1 ["MY", "ID", ""]
    +MYID0KW11FZRMRTT MYIDBPHDRDZXN5XD MYIDM9VJ8HF7KACE
    =2

A `+` line holds numbers as they were fetched. An `=` line says how many of them, from the first,
have been taken out to be used: it is on disk before the first of these is used, so that a crash
loses some numbers and repeats none. What cannot be read for certain is thrown away whole.

The file is never replaced by another, for a lock belongs to the file and not to its name: two names
of one file would give its numbers twice. A copy that is put back does that all the same.
"""

import fcntl
import json
import logging
import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from tracking_service.client.errors import SpoolError, SpoolInUse

log = logging.getLogger(__name__)

MAGIC = "tracking-service-spool 1"
REWRITTEN_AFTER = 10
"""The file is written anew, without what was taken out, after so many times a batch were."""

_is_batch = re.compile(r"\+[A-Z0-9]{1,16}(?: [A-Z0-9]{1,16})*").fullmatch
_is_count = re.compile(r"=\d{1,12}").fullmatch


class Spool:
    """One open spool file; for one thread at a time. After an OSError it may only be closed."""

    def __init__(self, descriptor: int, lane: Sequence[str]) -> None:
        """Use `open`."""
        self._descriptor = descriptor
        self._header = f"{MAGIC} {json.dumps(list(lane))}"
        self._unused: deque[str] = deque()
        self._taken = 0

    @classmethod
    def open(cls, path: str | os.PathLike[str], lane: Sequence[str]) -> Self:
        """Open the file, or make it, and read the numbers that are left in it.

        `lane` says what the numbers are for. Raises SpoolInUse where another buffer has the file
        open, and SpoolError where it has numbers for another lane or cannot be read and written.
        """
        name = os.fspath(path)
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(f"the spool {name} cannot be opened: {error.strerror}") from error
        spool = cls(descriptor, lane)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            spool._read(name)
            _sync_folder(name)
        except BlockingIOError as error:
            spool.close()
            raise SpoolInUse(f"the spool {name} is in use: give each buffer its own") from error
        except OSError as error:
            spool.close()
            raise SpoolError(f"the spool {name} cannot be used: {error.strerror}") from error
        except SpoolError:
            spool.close()
            raise
        return spool

    def __len__(self) -> int:
        """How many numbers are left in it."""
        return len(self._unused)

    def add(self, numbers: Sequence[str]) -> None:
        """Write numbers to disk. Raises OSError; then none of them may be used."""
        if self._taken >= REWRITTEN_AFTER * len(numbers) or not self._unused:
            self._start_anew()
        self._append(_batch_line(numbers))
        self._unused.extend(numbers)

    def take(self, count: int) -> list[str]:
        """Take up to `count` numbers out, to be used. Raises OSError; then none of them may be."""
        count = min(count, len(self._unused))
        if count:
            self._append(f"={self._taken + count}\n")
            self._taken += count
        return [self._unused.popleft() for _ in range(count)]

    def give_back(self, numbers: Sequence[str]) -> None:
        """Put back the last of the numbers that were taken, in order. Raises OSError."""
        if numbers:
            self._append(f"={self._taken - len(numbers)}\n")
            self._taken -= len(numbers)
            self._unused.extendleft(reversed(numbers))

    def remaining(self) -> tuple[str, ...]:
        """Return the numbers that are left in it."""
        return tuple(self._unused)

    def close(self) -> None:
        """Close the file, and with it the lock; may be called twice.

        In a forked child it closes the child's descriptor alone: the lock is the parent's.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _start_anew(self) -> None:
        """Write the file anew with what is left in it. A crash amid this loses that, no more."""
        # On disk before the next line, so that no line of before can follow the new ones.
        os.ftruncate(self._descriptor, 0)
        os.fsync(self._descriptor)
        self._taken = 0
        left = _batch_line(self._unused) if self._unused else ""
        self._append(f"{self._header}\n{left}")

    def _append(self, line: str) -> None:
        data = memoryview(line.encode("ascii"))
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)

    def _read(self, name: str) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise SpoolError(f"the spool {name} is not a regular file")
        content = b"".join(iter(lambda: os.read(self._descriptor, 1 << 20), b""))
        if not content:
            return
        try:
            header, numbers, taken = _parse(content)
        except ValueError as error:
            log.warning(
                "the spool cannot be read for certain: its numbers are thrown away",
                extra={"path": name, "reason": str(error)},
            )
            self._start_anew()
            return
        if len(numbers) > taken and header != self._header:
            raise SpoolError(
                f"the spool {name} has {len(numbers) - taken} numbers for another lane or series:"
                " give each its own file"
            )
        self._unused.extend(numbers[taken:])
        self._taken = taken


def _parse(content: bytes) -> tuple[str, list[str], int]:
    """Return the header, all numbers, and how many of them were taken. Raises ValueError."""
    lines = content.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("the last line is not finished")
    header = lines[0] if lines else ""
    if not header.startswith(f"{MAGIC} "):
        raise ValueError("the first line is not that of a spool")
    numbers: list[str] = []
    taken = 0
    for line in lines[1:]:
        if _is_batch(line):
            numbers += line[1:].split(" ")
        elif _is_count(line) and int(line[1:]) <= len(numbers):
            taken = int(line[1:])
        else:
            raise ValueError("there is a line that was not written so")
    if len(set(numbers)) != len(numbers):
        raise ValueError("a number is in it twice")
    return header, numbers, taken


def _batch_line(numbers: Iterable[str]) -> str:
    return f"+{' '.join(numbers)}\n"


def _sync_folder(name: str) -> None:
    """Put the file's name itself on disk."""
    descriptor = os.open(Path(name).absolute().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
