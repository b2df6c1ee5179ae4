"""A check algorithm laid over the places of one pattern."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tracking_service.numbering.alphabets import DIGITS, LETTERS
from tracking_service.numbering.checks import CheckAlgorithm
from tracking_service.numbering.shape import SERIALS, Part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rows = tuple[dict[str, int], ...]
"""`rows[state][character]` is the state after a character."""


class Checker:
    """Finds and checks the check characters of a pattern's numbers. Immutable.

    Without an algorithm there is one state and no check character, and every number is right.
    """

    __slots__ = ("_radix", "_rows", "_steps", "_tables", "at", "covered", "finish", "start")

    def __init__(self, algorithm: CheckAlgorithm | None, parts: Sequence[Part]) -> None:
        kinds = [part.kind for part in parts for _ in part.characters]
        firsts = [characters[0] for part in parts for characters in part.characters]
        self.at = kinds.index("check") if algorithm else len(kinds)
        """Where the check character stands."""
        self.start = algorithm.start if algorithm else 0
        """The state before the first character."""
        self.finish = algorithm.finish_characters if algorithm else ("",)
        """By the state after the last character: the check character."""
        self.covered = tuple(
            at
            for at, (kind, first) in enumerate(zip(kinds, firsts, strict=True))
            if algorithm and kind != "check" and algorithm.covers(first, kind in SERIALS)
        )
        """The places whose characters it covers."""
        self._radix = algorithm.alphabet.radix if algorithm else 1
        self._tables: dict[int, tuple[CheckAlgorithm, int]] = {}
        self._rows: dict[int, Rows] = {}
        if algorithm:
            for place, at in enumerate(reversed(self.covered)):
                self._tables[at] = algorithm, place % len(algorithm.tables)
                self._rows[at] = _rows(*self._tables[at], kinds[at] in SERIALS)
        self._steps = tuple((at, self._rows[at]) for at in self.covered)

    def is_right(self, number: str) -> bool:
        """Whether a number of the pattern's shape has the right check character."""
        state = self.start
        for at, rows in self._steps:
            state = rows[state][number[at]]
        return self.finish[state] == number[self.at : self.at + 1]

    def rows(self, start: int, end: int) -> tuple[Rows, ...]:
        """The tables of the covered characters in [start, end), in order."""
        return tuple(rows for at, rows in self._steps if start <= at < end)

    def fold(self, state: int, texts: Iterable[tuple[int, str]]) -> int:
        """The state after these texts, each with the place at which it stands."""
        for start, text in texts:
            for at, character in enumerate(text, start):
                if at in self._rows:
                    state = self._rows[at][state][character]
        return state

    def finish_after(self, texts: Sequence[tuple[int, str]]) -> tuple[str, ...]:
        """By the state before these texts: the check character, if nothing else follows."""
        return tuple(self.finish[self.fold(state, texts)] for state in range(len(self.finish)))

    def check_many(
        self, state: int, numerals: "NDArray[np.uint8]", start: int, finish: Sequence[str]
    ) -> "NDArray[np.uint8]":
        """The check characters, in ASCII, after numerals that stand at `start`.

        `numerals` has a row for each place and a column for each number; `finish` says by the state
        after them which character is right.
        """
        import numpy as np

        # A state is its row's beginning in the flat table, so that a value need only be added.
        states: NDArray[np.intp] = _flat(*self._tables[start])[
            numerals[0] + np.intp(state * self._radix)
        ]
        for at, row in enumerate(numerals[1:], start + 1):
            states = _flat(*self._tables[at])[states + row]
        written = np.frombuffer("".join(finish).encode("ascii"), dtype=np.uint8)
        return written.repeat(self._radix)[states]


@lru_cache(maxsize=128)
def _rows(algorithm: CheckAlgorithm, table: int, of_serial: bool) -> Rows:
    """A table by characters. Those outside of the serial have values of their own."""
    characters = algorithm.alphabet.characters if of_serial else DIGITS + LETTERS
    values = {each: algorithm.value(each, of_serial) for each in characters}
    return tuple(
        {each: row[value] for each, value in values.items() if value is not None}
        for row in algorithm.tables[table]
    )


@lru_cache(maxsize=128)
def _flat(algorithm: CheckAlgorithm, table: int) -> "NDArray[np.intp]":
    """A table as one row, for `check_many`."""
    import numpy as np

    return np.array(algorithm.tables[table], dtype=np.intp).reshape(-1) * algorithm.alphabet.radix
