"""The use case: the fleet at a moment, from what the database knows of blocks.

The database learns of a lease and of a clean shutdown, of nothing between: which serials of a block
are spent only its instance knows, and an instance that is gone looks like one that idles.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracking_service.records import FleetRecord, LeasedBlock, SeriesCount
from tracking_service.services.fleet_rates import OwnSpending, measure_rates

FRESH_SECONDS = 3.0
"""An instance asks the database no more often than this, however many pages are open."""

INSTANCES = 100
"""Instances that are shown: those that leased last."""

LOOKED_UP = 20
"""Instances of which the first lease is looked up in one reading; the others' turn comes next."""

REMEMBERED = 1000
"""Instances of which the first lease is remembered."""


@dataclass(frozen=True, slots=True)
class FleetSeries:
    """A series over the fleet."""

    count: SeriesCount
    rate: float | None
    """Serials a second; None if the leases prove none."""

    @property
    def lasts_seconds(self) -> float | None:
        """How long what remains lasts at this rate; None if the rate is 0 or not known."""
        return self.count.remaining / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class FleetInstance:
    """An instance, by the blocks that it leased among those that were read."""

    name: str
    since: datetime
    """Its first lease; until that has been looked up, the first of those that were read."""
    leased_at: datetime
    """Its last lease."""
    blocks: Mapping[str, int]
    """How many blocks, by state."""
    held_at_most: int
    """Serials of the blocks that it has not released: it may have spent any of them."""

    @property
    def has_ended(self) -> bool:
        """Whether it has released all its blocks, as a clean shutdown does."""
        return not self.blocks.get("leased")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet at a moment."""

    series: tuple[FleetSeries, ...] = ()
    has_more_series: bool = False
    instances: tuple[FleetInstance, ...] = ()
    has_more_instances: bool = False
    blocks: Mapping[str, int] | None = None
    """How many of the blocks that were read are in each state; None before the first reading."""
    since: datetime | None = None
    """The oldest lease that was read."""


class FleetWatch:
    """Reads the fleet, and remembers since when instances lease."""

    def __init__(
        self,
        read: Callable[[], FleetRecord],
        first_leases: Callable[[Sequence[str]], Mapping[str, datetime]],
        *,
        own: Callable[[], tuple[str, Mapping[str, int]]],
        reserve_seconds: float = 900.0,
    ) -> None:
        """`read` and `first_leases` are those of `FleetReader`; `reserve_seconds` is the setting.

        `own` returns this instance's name, and how many serials it has spent of each series.
        """
        self._read = read
        self._first_leases = first_leases
        self._own = own
        self._spending = OwnSpending()
        self._reserve_seconds = reserve_seconds
        self._since: dict[str, datetime] = {}

    def read(self) -> Fleet:
        """The fleet now. Raises StoreError."""
        record = self._read()
        names = list(dict.fromkeys(block.instance for block in record.blocks))
        shown = names[:INSTANCES]
        self._look_up([name for name in shown if name not in self._since][:LOOKED_UP])
        own: dict[str, list[LeasedBlock]] = defaultdict(list)
        for block in record.blocks:
            own[block.instance].append(block)
        name, spent = self._own()
        self._spending.sample(record.now, name, spent, since=self._since.get(name))
        rates = measure_rates(record, reserve_seconds=self._reserve_seconds, own=self._spending)
        return Fleet(
            tuple(FleetSeries(each, rates.get(each.name)) for each in record.series),
            record.has_more_series,
            tuple(self._instance(name, own[name]) for name in shown),
            len(names) > INSTANCES,
            _states(record.blocks),
            min((block.leased_at for block in record.blocks), default=None),
        )

    def _look_up(self, names: Sequence[str]) -> None:
        if not names:
            return
        if len(self._since) + len(names) > REMEMBERED:
            self._since.clear()
        self._since.update(self._first_leases(names))

    def _instance(self, name: str, blocks: Sequence[LeasedBlock]) -> FleetInstance:
        moments = [block.leased_at for block in blocks]
        return FleetInstance(
            name,
            min(self._since.get(name, moments[-1]), *moments),
            max(moments),
            _states(blocks),
            sum(block.end - block.start for block in blocks if block.state == "leased"),
        )


def _states(blocks: Iterable[LeasedBlock]) -> dict[str, int]:
    counted = Counter(block.state for block in blocks)
    return {state: counted[state] for state in ("leased", "spent", "returned", "skipped")}
