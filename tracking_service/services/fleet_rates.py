"""How fast the series of a fleet go, from what the database proves of spent serials.

An instance leases ahead, so a lease says what it may spend, and not what it has spent. But it leases
only when it holds no more than its low water, L, and then at least L / 4, to have 1.25 L again
(`allocation/reserve.py`): it holds at most four times what it leases. So at its lease n, of s(n)
serials, it has spent at least

    P(n) = s(1) + … + s(n - 1) - 4 s(n)

In a steady state, where it holds just its low water, P grows exactly as it spends; the lease that
fills a reserve proves nothing until most of that reserve is spent. A lease of a single block may
prove more: low water is what `reserve_seconds` take at the instance's rate, and that rate is at most
what it would be had all been spent that was leased before. What this instance has spent it knows
itself, and counts.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from tracking_service.allocation.reserve import SURPLUS, is_scarce
from tracking_service.records import FleetRecord, LeasedBlock, SeriesCount

WINDOW = timedelta(hours=1)
"""A rate is that of the last hour, or of all leases that are read if those of that hour prove none."""

HELD_MOST = 1 / (SURPLUS - 1)
"""An instance that leases holds at most this multiple of the lease."""

SHORTEST_SECONDS = 10.0
"""A rate is of at least so many seconds: leases that come together would make it as high as any."""

SAMPLE = timedelta(minutes=1)
"""The least interval between two samples that are remembered of this instance."""

SAMPLES = 70
"""Samples that are remembered of a series."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an instance had spent of a series at a moment, at the least, since its first lease."""

    at: datetime
    spent: float


class OwnSpending:
    """What this instance has spent, sampled whenever the fleet is read."""

    def __init__(self) -> None:
        self.name = ""
        self._since: datetime | None = None
        self._samples: dict[str, list[Proof]] = {}

    def sample(
        self, now: datetime, name: str, spent: Mapping[str, int], *, since: datetime | None = None
    ) -> None:
        """Record how many serials of each series the instance of this name had spent by `now`.

        `since` is its first lease, where that is known.
        """
        if name != self.name:
            # The child of a fork.
            self.name = name
            self._samples.clear()
        self._since = since
        for series, total in spent.items():
            # A list of its own: two requests may read the fleet at once, if hardly ever.
            samples = list(self._samples.get(series, ()))
            if samples and samples[-1].at >= now:
                # The clock of another database, after a failover.
                samples.clear()
            if len(samples) > 1 and samples[-1].at - samples[-2].at < SAMPLE:
                samples.pop()
            samples.append(Proof(now, total))
            self._samples[series] = samples[-SAMPLES:]

    def proofs(self, series: str, leased_at: datetime) -> list[Proof]:
        """What it has spent by moments, from its first lease on; `leased_at` is one of its leases."""
        since = min(leased_at, self._since or leased_at)
        samples = self._samples.get(series, [])
        return [Proof(since, 0), *(each for each in samples if each.at > since)]


def measure_rates(
    record: FleetRecord, *, reserve_seconds: float, own: OwnSpending
) -> dict[str, float]:
    """How fast each series goes at the least, in serials a second.

    `reserve_seconds` is the setting of that name, as all instances should have it. Series of which
    nothing is proved are left out.
    """
    counts = {count.name: count for count in record.series}
    owned: dict[tuple[str, str], list[LeasedBlock]] = defaultdict(list)
    for block in sorted(record.blocks, key=lambda block: (block.leased_at, block.id)):
        if block.state != "skipped":
            owned[block.series, block.instance].append(block)
    proofs: dict[str, list[list[Proof]]] = defaultdict(list)
    for (series, instance), blocks in owned.items():
        if instance == own.name:
            proofs[series].append(own.proofs(series, blocks[0].leased_at))
        else:
            proofs[series].append(_proofs(blocks, counts.get(series), reserve_seconds))
    rates = {}
    for series, found in proofs.items():
        late = sum(_rate(each, record.now - WINDOW, record.now) for each in found)
        rate = late or sum(_rate(each, each[0].at, record.now) for each in found)
        if rate:
            rates[series] = rate
    return rates


def _proofs(
    blocks: Sequence[LeasedBlock], count: SeriesCount | None, reserve_seconds: float
) -> list[Proof]:
    """What the blocks of an instance prove, by moments; never falling, and the first of 0."""
    proofs = [Proof(blocks[0].leased_at, 0)]
    if all(block.state != "leased" for block in blocks):
        # It has ended, and said what it has spent.
        spent = sum(block.end - block.start for block in blocks if block.state == "spent")
        ended = max(block.released_at or block.leased_at for block in blocks)
        return [*proofs, Proof(ended, spent)]
    leased = 0
    for moment, together in groupby(blocks, key=lambda block: block.leased_at):
        size = sum(block.end - block.start for block in together)
        seconds = _seconds(proofs[0].at, moment)
        proved = leased - _held_most(size, count, reserve_seconds * leased / seconds)
        if proved > proofs[-1].spent:
            proofs.append(Proof(moment, proved))
        leased += size
    return proofs


def _held_most(lease: int, count: SeriesCount | None, reserve: float) -> float:
    """How many serials an instance holds at most when it leases so many.

    `reserve` is its low water if it has spent all that it had leased before.
    """
    if count is not None and is_scarce(count.remaining, count.block_size):
        return count.block_size / 2
    held = HELD_MOST * lease
    if count is not None and lease <= count.block_size:
        # By the plan's own least: half a block.
        return min(held, max(count.block_size / 2, reserve))
    return held


def _rate(proofs: Sequence[Proof], begin: datetime, now: datetime) -> float:
    """Serials a second from `begin` on, as proved; never above 1.5 times what was proved."""
    begin = max(begin, proofs[0].at)
    spent = proofs[-1].spent - _spent_at(proofs, begin)
    if spent <= 0:
        return 0.0
    rate = spent / _seconds(begin, now)
    # What was spent since the last proof is not proved yet. Where there are several, so much is
    # likely as one of them proves, for as long as the next one is not late.
    steps = sum(proof.at > begin for proof in proofs)
    if steps > 1:
        rate = min(spent / _seconds(begin, proofs[-1].at), rate * (1 + 1 / steps))
    return rate


def _spent_at(proofs: Sequence[Proof], moment: datetime) -> float:
    """What was spent at a moment, as if it had been spent evenly from each proof to the next."""
    index = bisect_right(proofs, moment, key=lambda proof: proof.at)
    if index == len(proofs):
        return proofs[-1].spent
    before, after = proofs[index - 1], proofs[index]
    part = (moment - before.at) / (after.at - before.at)
    return before.spent + part * (after.spent - before.spent)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(SHORTEST_SECONDS, (end - begin).total_seconds())
