"""Judges whether numbers were unique, after the unique-ids checker of Jepsen.

A request that was answered with a number is acknowledged; one that was answered otherwise, or
never reached a server, failed; one of which nothing came back (a time-out, a reset) was perhaps
served, and its number may be lost or may turn up later, from whatever source: it is recovered.
No number may be found twice among the acknowledged and the recovered.

https://github.com/jepsen-io/jepsen/blob/main/jepsen/src/jepsen/checker.clj
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# How many repeated numbers a message shows.
SHOWN = 10


@dataclass(frozen=True)
class Verdict:
    """What a history amounts to; every count is in requests, `duplicated` in numbers."""

    attempted: int
    acknowledged: int
    perhaps: int
    recovered: int
    refused: int
    failed: Mapping[int, int] = field(default_factory=dict)
    duplicated: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Requests of which it is known that they got no number."""
        return self.refused + sum(self.failed.values())

    @property
    def unique(self) -> bool:
        return not self.duplicated

    def __str__(self) -> str:
        by_status = ", ".join(f"{status}: {count}" for status, count in sorted(self.failed.items()))
        counts = (
            f"attempted {self.attempted}, acknowledged {self.acknowledged}, "
            f"perhaps {self.perhaps}, recovered {self.recovered}, "
            f"refused {self.refused}, failed {{{by_status}}}"
        )
        lines = [counts]
        if self.duplicated:
            lines.append(f"{len(self.duplicated)} numbers were given more than once:")
            worst = sorted(self.duplicated.items(), key=lambda pair: (-pair[1], pair[0]))
            lines += [f"  {number} {count} times" for number, count in worst[:SHOWN]]
            if len(worst) > SHOWN:
                lines.append(f"  and {len(worst) - SHOWN} more")
        return "\n".join(lines)


@dataclass
class _Record:
    attempted: int = 0
    perhaps: int = 0
    refused: int = 0
    acknowledged: list[str] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)


class History:
    """What many client threads saw; each event may say which server (`target`) it is about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def attempt(self, *, target: str = "") -> None:
        """A request is about to be sent; one of the next four says what came of it."""
        with self._lock:
            self._record(target).attempted += 1

    def acknowledge(self, number: str, *, target: str = "") -> None:
        """It was answered with a number."""
        with self._lock:
            self._record(target).acknowledged.append(number)

    def fail(self, status: int, *, target: str = "") -> None:
        """It was answered with this status and no number."""
        with self._lock:
            self._record(target).failed[status] += 1

    def refuse(self, *, target: str = "") -> None:
        """No server accepted the connection, so that nothing was asked."""
        with self._lock:
            self._record(target).refused += 1

    def maybe(self, *, target: str = "") -> None:
        """Nothing came back: a number may have been spent on it."""
        with self._lock:
            self._record(target).perhaps += 1

    def recover(self, number: str, *, target: str = "") -> None:
        """A number turned up that had been spent on a request of which nothing had come back."""
        with self._lock:
            self._record(target).recovered.append(number)

    def numbers(self, *, target: str | None = None) -> list[str]:
        """Every number that a client got, repeats included; of one target or of all."""
        with self._lock:
            chosen = self._chosen(target)
            return [number for one in chosen for number in one.acknowledged + one.recovered]

    def acknowledged(self, *, target: str | None = None) -> int:
        """How many requests were answered with a number so far."""
        with self._lock:
            return sum(len(one.acknowledged) for one in self._chosen(target))

    def verdict(self, *, target: str | None = None) -> Verdict:
        """Judge the events of one target or, by default, of all; repeats between two targets are
        seen in the judgement of all alone.
        """
        with self._lock:
            chosen = self._chosen(target)
            return Verdict(
                attempted=sum(one.attempted for one in chosen),
                acknowledged=sum(len(one.acknowledged) for one in chosen),
                perhaps=sum(one.perhaps for one in chosen),
                recovered=sum(len(one.recovered) for one in chosen),
                refused=sum(one.refused for one in chosen),
                failed=dict(sum((one.failed for one in chosen), Counter())),
                duplicated=duplicates(
                    number for one in chosen for number in one.acknowledged + one.recovered
                ),
            )

    def _record(self, target: str) -> _Record:
        return self._records.setdefault(target, _Record())

    def _chosen(self, target: str | None) -> list[_Record]:
        if target is None:
            return list(self._records.values())
        return [self._records.get(target, _Record())]


def duplicates(numbers: Iterable[str]) -> dict[str, int]:
    """The numbers that come more than once, with how often they come."""
    return {number: count for number, count in Counter(numbers).items() if count > 1}
