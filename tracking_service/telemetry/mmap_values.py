"""Rows of numbers in memory, private to a process or in a file that other processes map as well.

Why not prometheus_client's multiprocess mode: to observe a request in a labelled histogram takes
4.3 µs there, and 0.65 µs here (the least of 60 runs of 5,000; one thread, AMD EPYC, CPython 3.11.7,
prometheus_client 0.26.0).

A row is a memoryview of doubles. The first word of the memory says how many words are in use. A
record follows the last: one word (length of the key in bytes << 32 | number of values), the key as
JSON, padded to whole words, and the values. Words have 8 bytes, which the processor reads and
writes in one piece. What a process has counted stays in its file when the process is killed.

A reader in another process may see a record in part, because a processor may show it one write
before another. Unwritten memory is zero, and a record has no zero in its first word and none in its
key, so that a record with one is not there yet.
"""

import json
import mmap
from collections.abc import Iterator
from typing import TYPE_CHECKING

MetricKey = tuple[str, ...]
"""The name of a row, and its labels' values."""

if TYPE_CHECKING:
    Values = memoryview[float]
else:
    # Generic to type checkers only, before Python 3.14.
    Values = memoryview

SIZE_BYTES = 131_072
"""Some 600 histograms or 2,000 counters; a process that needs more takes another file."""

_WORD = 8


class MmapValues:
    """Rows in one stretch of memory; they are added and never removed. One process writes."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._words = memoryview(memory).cast("Q")
        self._values = memoryview(memory).cast("d")
        if not self._words.readonly and not self._words[0]:
            self._words[0] = 1

    @classmethod
    def private(cls) -> "MmapValues":
        """Memory that no other process sees."""
        return cls(mmap.mmap(-1, SIZE_BYTES))

    def add(self, key: MetricKey, width: int) -> Values | None:
        """Add a row of `width` values, each 0.0; return None if there is no room for it."""
        name = json.dumps(key).encode("ascii")
        at = self._words[0]
        first = at + 1 + _words(len(name))
        if first + width > len(self._words):
            return None
        self._words[at] = len(name) << 32 | width
        self._words.cast("B")[_WORD * (at + 1) :][: len(name)] = name
        self._words[0] = first + width
        return self._values[first : first + width]

    def rows(self) -> Iterator[tuple[MetricKey, list[float]]]:
        """Every row as it is now, up to the first that is being written."""
        at, end = 1, self._words[0]
        octets = self._words.cast("B")
        while at < end:
            length, width = divmod(self._words[at], 1 << 32)
            name = bytes(octets[_WORD * (at + 1) :][:length])
            if not name or 0 in name:
                return
            first = at + 1 + _words(length)
            at = first + width
            yield tuple(json.loads(name)), [self._values[each] for each in range(first, at)]


def _words(octets: int) -> int:
    """How many words hold so many bytes."""
    return -(-octets // _WORD)
