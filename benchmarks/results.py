"""What a run found: figures with their spread and the conditions that they hold under."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One thing measured, once in each round.

    `of` names what was measured, `on` the server or "in process"; `conditions` says whatever else
    the figure depends on, such as threads, block size and database.
    """

    part: str
    quantity: str
    of: str
    on: str
    unit: str
    values: tuple[float, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"nothing was measured of {self.quantity}, {self.of} on {self.on}")

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """Of the rounds, the lowest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """Of the rounds, the highest."""
        return max(self.values)


@dataclass(frozen=True)
class Target:
    """What was to be reached, beside what was, round by round."""

    name: str
    values: tuple[float, ...]
    unit: str
    goal: float
    at_least: bool

    @classmethod
    def ratio(
        cls, name: str, over: Figure, under: Figure, goal: float, *, at_least: bool = True
    ) -> Target:
        """One figure over another, within each round: both met the same noise."""
        pairs = zip(over.values, under.values, strict=False)
        return cls(name, tuple(a / b for a, b in pairs if b), "times", goal, at_least)

    @classmethod
    def at_most(cls, name: str, figure: Figure, goal: float) -> Target:
        """A figure that is to be no higher than `goal`, in its own unit."""
        return cls(name, figure.values, figure.unit, goal, at_least=False)

    @property
    def median(self) -> float:
        """Of the rounds; NaN where there was nothing to divide by."""
        return statistics.median(self.values) if self.values else math.nan

    @property
    def met(self) -> bool:
        """Whether the median reaches the goal."""
        return self.median >= self.goal if self.at_least else self.median <= self.goal


class Figures:
    """All that a run measured, in the order in which it was."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []

    def add(self, figure: Figure) -> None:
        """Keep it."""
        self._figures.append(figure)

    def find(self, quantity: str, of: str, on: str) -> Figure | None:
        """The figure of this name, or None where its part did not run."""
        wanted = (quantity, of, on)
        return next((f for f in self if (f.quantity, f.of, f.on) == wanted), None)

    def parts(self) -> dict[str, list[Figure]]:
        """By part."""
        found: dict[str, list[Figure]] = {}
        for figure in self:
            found.setdefault(figure.part, []).append(figure)
        return found

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._figures)


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank; ValueError of nothing."""
    if not values:
        raise ValueError("no percentile of nothing")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
