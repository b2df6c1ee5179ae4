"""The beginning and the end of what a test starts, whatever happens in between."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

SHOWN = 20_000
"""Characters of a log, its last ones, that are shown where a test fails."""


class Lifetime:
    """Lives as long as its `with` block; a block that fails shows its log.

    A subclass defines `close`, which ends it whatever its state and may be called twice, and where
    it has them `begin` and `log`.
    """

    def begin(self) -> None:
        """Start what does not run yet."""

    def close(self) -> None:
        raise NotImplementedError

    def log(self) -> str:
        """What it has written."""
        return ""

    def _show(self) -> None:
        if log := self.log():
            # pytest shows what was printed by a test that failed.
            sys.stdout.write(f"--- log of {type(self).__name__}\n{log[-SHOWN:]}\n")

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            self._show()
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._show()
        self.close()
