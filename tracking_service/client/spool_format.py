"""How a spool is written: lines of text, each with a check of itself and of all lines before it.

    tracking-service-spool 2 {"lane": ["MY", "ID", "default"], "services": [...], "inode": 7, …} 1f…
    +MYID0KW11FZRMRTT MYIDBPHDRDZXN5XD MYIDM9VJ8HF7KACE 52…
    =2 c0…

A `+` line holds numbers as they were fetched. An `=` line says how many of them, from the first, have
been taken out to be used. A line ends with a BLAKE2b digest of 8 bytes, of the digest before it and
the line: one that was changed, left out or moved is noticed. https://www.rfc-editor.org/rfc/rfc7693
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

from tracking_service.client.errors import SpoolError

MAGIC = b"tracking-service-spool "
VERSION = 2
CHECK_BYTES = 8

_is_batch = re.compile(r"\+[A-Z0-9]{1,16}(?: [A-Z0-9]{1,16})*").fullmatch
_is_count = re.compile(r"=\d{1,12}").fullmatch
_read_version = re.compile(rb"tracking-service-spool (\d{1,9}) ").match


@dataclass(frozen=True, slots=True)
class Header:
    """Whose numbers these are."""

    lane: tuple[str, ...]
    """What they were asked for."""
    services: tuple[str, ...]
    """The base URLs of the service that issued them."""
    inode: int
    """Of the file: a copy has another one. https://en.wikipedia.org/wiki/Inode"""
    generation: int
    """Which use of the inode it is: after a removal a copy may have the same one. 0 is unknown."""

    def is_of_file(self, other: "Header") -> bool:
        """Whether both were made for one file."""
        return (self.inode, self.generation) == (other.inode, other.generation)

    def line(self) -> str:
        """Return it as it is written, without its check."""
        return f"{MAGIC.decode()}{VERSION} {json.dumps(asdict(self))}"


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a spool."""

    header: Header
    numbers: list[str]
    """All of them, in order."""
    taken: int
    """How many of them, from the first, have been taken out."""
    check: bytes
    """That of the last line."""


def check_of(line: str, before: bytes) -> bytes:
    """Return the check of a line; `before` is that of the line before it, empty for the first."""
    return blake2b(before + line.encode("ascii"), digest_size=CHECK_BYTES).digest()


def batch_line(numbers: Iterable[str]) -> str:
    """Return the line that holds these numbers."""
    return f"+{' '.join(numbers)}"


def count_line(taken: int) -> str:
    """Return the line that says how many have been taken out."""
    return f"={taken}"


def refuse_another_file(start: bytes) -> None:
    """Raise SpoolError for a file that something else has written. `start` are its first bytes.

    What a crash may leave of a spool, its beginning or zeros, is not refused.
    """
    if not start.strip(b"\0") or MAGIC.startswith(start):
        return
    found = _read_version(start)
    if not start.startswith(MAGIC):
        raise SpoolError("is not a spool: it has been left as it is")
    if found is not None and int(found[1]) > VERSION:
        raise SpoolError("was written by a later version: it has been left as it is")


def parse(content: bytes) -> Content:
    """Read a spool. Raises ValueError where it was not written so."""
    lines = content.decode("ascii").split("\n")
    if lines.pop():
        raise ValueError("the last line is not finished")
    numbers: list[str] = []
    taken, check = 0, b""
    texts = []
    for line in lines:
        text, _, digest = line.rpartition(" ")
        check = check_of(text, check)
        if digest != check.hex():
            raise ValueError("there is a line that was changed, left out or moved")
        texts.append(text)
    header = _header(texts[0] if texts else "")
    for text in texts[1:]:
        if _is_batch(text):
            numbers += text[1:].split(" ")
        elif _is_count(text) and int(text[1:]) <= len(numbers):
            taken = int(text[1:])
        else:
            raise ValueError("there is a line that was not written so")
    if len(set(numbers)) != len(numbers):
        raise ValueError("a number is in it twice")
    return Content(header, numbers, taken, check)


def _header(line: str) -> Header:
    prefix = f"{MAGIC.decode()}{VERSION} "
    if not line.startswith(prefix):
        raise ValueError("it is of an earlier version")
    data = json.loads(line.removeprefix(prefix))
    try:
        return Header(
            _texts(data["lane"]),
            _texts(data["services"]),
            int(data["inode"]),
            int(data["generation"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("the first line was not written so") from error


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(str, values))
