"""Counters as rows of numbers in a stretch of memory: private, or a file that others map as well.

An ordinary counter of prometheus_client costs some microseconds an observation when several
processes are to be summed. Here a row is a memoryview of doubles, which costs a tenth of that, and
works the same over anonymous memory and over a mapped file. What a process has counted stays in
its file when it is killed.

A page's first word says how many words are in use, and is written last, so that a reader in another
process sees whole records only. A record is one word (length of the key in bytes << 32 | number of
cells), the key as JSON, padded to whole words, and the cells. Words have 8 bytes, which the
processor reads and writes in one piece.
"""

import json
import mmap
from collections.abc import Iterator
from typing import TYPE_CHECKING

Key = tuple[str, ...]
"""The name of a row, and its labels' values."""

if TYPE_CHECKING:
    Cells = memoryview[float]
else:
    # Generic to type checkers only, before Python 3.14.
    Cells = memoryview

PAGE_BYTES = 131_072
"""Some 600 histograms or 2,000 counters; a process that needs more takes another page."""

_WORD = 8


class Page:
    """Rows in one stretch of memory; they are added and never removed. One process writes."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._words = memoryview(memory).cast("Q")
        self._cells = memoryview(memory).cast("d")
        if not self._words.readonly and not self._words[0]:
            self._words[0] = 1

    @classmethod
    def private(cls) -> "Page":
        """A page that no other process sees."""
        return cls(mmap.mmap(-1, PAGE_BYTES))

    def add(self, key: Key, width: int) -> Cells | None:
        """A new row of `width` cells, all of them 0.0; None where the page is full."""
        name = json.dumps(key).encode("ascii")
        at = self._words[0]
        first = at + 1 + _words(len(name))
        if first + width > len(self._words):
            return None
        self._words[at] = len(name) << 32 | width
        self._words.cast("B")[_WORD * (at + 1) :][: len(name)] = name
        self._words[0] = first + width
        return self._cells[first : first + width]

    def rows(self) -> Iterator[tuple[Key, list[float]]]:
        """Every row as it is now."""
        at, end = 1, self._words[0]
        octets = self._words.cast("B")
        while at < end:
            length, width = divmod(self._words[at], 1 << 32)
            name = bytes(octets[_WORD * (at + 1) :][:length])
            first = at + 1 + _words(length)
            at = first + width
            yield tuple(json.loads(name)), [self._cells[cell] for cell in range(first, at)]


def _words(octets: int) -> int:
    """How many words hold so many bytes."""
    return -(-octets // _WORD)
