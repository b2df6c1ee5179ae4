"""A file in which the unused numbers of a buffer outlive its process.

A log in one file, locked by whoever has it open; `spool_format.py` says how it is written. A number
is on disk before it is used, and so is that it was taken out, so that a crash loses some numbers and
repeats none. What cannot be read for certain is thrown away whole, and so is a copy: its numbers may
have been used elsewhere. A file that is no spool, or has numbers for something else, is left alone.

The file is never replaced by another, because a lock belongs to the file and not to its name: a file
with two names would become two, which give its numbers twice. So does a copy of the whole disk that
is put back.
"""

import fcntl
import logging
import os
import stat
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tracking_service.client.errors import SpoolError, SpoolInUse
from tracking_service.client.spool_format import (
    Header,
    batch_line,
    check_of,
    count_line,
    parse,
    refuse_another_file,
)

log = logging.getLogger(__name__)

REWRITTEN_AFTER = 10
"""The file is written anew, without what was taken out, after so many times a batch were."""

_PART = 1 << 20

_GET_GENERATION = 0x80087601
"""FS_IOC_GETVERSION, https://man7.org/linux/man-pages/man2/ioctl_fs.2.html"""


class Spool:
    """One open spool file; for one thread at a time. After an OSError it may only be closed."""

    def __init__(self, descriptor: int, header: Header) -> None:
        """Use `open`."""
        self._descriptor = descriptor
        self._header = header
        self._check = b""
        self._unused: deque[str] = deque()
        self._taken = 0

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], lane: Sequence[str], services: Sequence[str]
    ) -> Self:
        """Open the file, or make it, and read the numbers that are left in it.

        `lane` says what the numbers are for, `services` are base URLs of the service that issues
        them. Raises SpoolInUse where another buffer has the file open, and SpoolError where it has
        numbers for another lane or of another service, is no spool, or cannot be read and written.
        """
        name = os.fspath(path)
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SpoolError(f"the spool {name} cannot be opened: {reason}") from error
        inode = os.fstat(descriptor).st_ino
        header = Header(tuple(lane), tuple(services), inode, _generation(descriptor))
        spool = cls(descriptor, header)
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
        except SpoolError as error:
            spool.close()
            raise SpoolError(f"the spool {name} {error}") from None
        return spool

    def __len__(self) -> int:
        """How many numbers are left in it."""
        return len(self._unused)

    def add(self, numbers: Sequence[str]) -> None:
        """Write numbers to disk. Raises OSError; then none of them may be used."""
        if self._taken >= REWRITTEN_AFTER * len(numbers) or not self._unused:
            self._start_anew()
        self._append(batch_line(numbers))
        self._unused.extend(numbers)

    def take(self, count: int) -> list[str]:
        """Take up to `count` numbers out, to be used. Raises OSError; then none of them may be."""
        count = min(count, len(self._unused))
        if count:
            self._append(count_line(self._taken + count))
            self._taken += count
        return [self._unused.popleft() for _ in range(count)]

    def give_back(self, numbers: Sequence[str]) -> None:
        """Put back the last of the numbers that were taken, in order. Raises OSError."""
        if not numbers:
            return
        # The first of them may have been taken before the file was written anew.
        again = max(0, len(numbers) - self._taken)
        lines = [batch_line(numbers[:again])] if again else []
        self._append(*lines, count_line(self._taken + again - len(numbers)))
        self._taken += again - len(numbers)
        self._unused.extendleft(reversed(numbers[again:]))
        self._unused.extend(numbers[:again])

    def remaining(self) -> tuple[str, ...]:
        """Return the numbers that are left in it."""
        return tuple(self._unused)

    def close(self) -> None:
        """Unlock and close the file; may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            # Closing is not enough: a program that another thread is just starting has a copy of
            # the descriptor, and with it the lock, until it runs.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def leave(self) -> None:
        """Close a forked child's copy of the descriptor. The lock is the parent's, and stays."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _start_anew(self) -> None:
        """Write the file anew with what is left in it. A crash amid this loses that, no more."""
        # On disk before the next line, so that no line of before can follow the new ones.
        os.ftruncate(self._descriptor, 0)
        os.fsync(self._descriptor)
        self._taken, self._check = 0, b""
        self._append(self._header.line(), *([batch_line(self._unused)] if self._unused else []))

    def _append(self, *lines: str) -> None:
        check, checked = self._check, []
        for line in lines:
            check = check_of(line, check)
            checked.append(f"{line} {check.hex()}\n")
        data = memoryview("".join(checked).encode("ascii"))
        end = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError:
            # A disk that is full takes half of a line, for which the whole would be thrown away.
            os.ftruncate(self._descriptor, end)
            raise
        self._check = check

    def _read(self, name: str) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise SpoolError("is not a regular file")
        start = os.read(self._descriptor, 64)
        refuse_another_file(start)
        content = start + b"".join(iter(lambda: os.read(self._descriptor, _PART), b""))
        if not content:
            return
        try:
            found = parse(content)
            if not self._header.is_of_file(found.header):
                raise ValueError("it is a copy of a spool")
        except ValueError as error:
            log.warning(
                "the spool cannot be read for certain: its numbers are thrown away",
                extra={"path": name, "reason": str(error)},
            )
            self._start_anew()
            return
        left = found.numbers[found.taken :]
        if left:
            self._refuse_numbers_of(found.header, len(left))
        self._unused.extend(left)
        self._taken, self._check = found.taken, found.check
        if found.header != self._header:
            # A service at a new address is known by that from now on.
            self._start_anew()

    def _refuse_numbers_of(self, other: Header, count: int) -> None:
        """Raise SpoolError where the numbers in the file are not what would be fetched now."""
        if other.lane != self._header.lane:
            raise SpoolError(
                f"has {count} numbers for another lane or series: give each its own file"
            )
        if not set(other.services) & set(self._header.services):
            raise SpoolError(
                f"has {count} numbers from {', '.join(other.services)}. Where that is another"
                " service, give each its own file; where it is this one at a new address, name both"
                " addresses once, or delete the file, which leaves its numbers unused"
            )


def _generation(descriptor: int) -> int:
    """Which use of its inode a file is, on Linux where the file system tells; else 0."""
    if sys.platform != "linux":
        return 0
    found = bytearray(8)
    try:
        fcntl.ioctl(descriptor, _GET_GENERATION, found)
    except OSError:
        return 0
    return int.from_bytes(found[:4], sys.byteorder)


def _sync_folder(name: str) -> None:
    """Put the file's name itself on disk."""
    descriptor = os.open(Path(name).absolute().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
