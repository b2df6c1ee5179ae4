"""Instances that lease from one row, simulated: how far one row goes, and where it is full.

The row is a server that gives one lease at a time, in the order of asking, each in a time drawn
around the measured mean. The instances decide when to lease, and how much, by the service's own
ReservePlan. Times are exponential, which is more uneven than what was measured: queues come out
longer here than they are.

https://simpy.readthedocs.io/
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import simpy

from benchmarks.results import percentile
from tracking_service.allocation import ReservePlan

Steps = Generator[simpy.Event, None, None]


@dataclass(frozen=True)
class World:
    """What is simulated; `rate` is numbers a second that each instance is asked for."""

    instances: int
    lease_seconds: float
    rate: float = 1000.0
    block_size: int = 10_000
    reserve_seconds: float = 900.0
    cold: bool = False
    """All instances start at once with nothing, instead of being somewhere in their cycle."""


@dataclass
class Course:
    """What came of it."""

    world: World
    seconds: float
    busy: float = 0.0
    """Seconds in which the row was leasing."""
    waits: list[float] = field(default_factory=list)
    """Seconds from asking for a lease to having it."""
    dry: float = 0.0
    """Seconds that instances had nothing to give, all added up, from `settled` on."""
    dry_since: dict[int, float] = field(default_factory=dict)
    """Instances that wait for a lease, and since when they have nothing, or will have."""
    served: dict[int, bool] = field(default_factory=lambda: defaultdict(bool))
    """Instances that have had a lease."""
    last_first: float = 0.0
    """The moment at which the last instance had its first lease."""

    @property
    def settled(self) -> float:
        """From when on it is counted what was given: after a cold start at once, else when what
        the instances began with has had time to be spent.
        """
        return 0.0 if self.world.cold else self.seconds / 2

    def stood_dry(self, since: float, until: float) -> None:
        """An instance had nothing in [since, until)."""
        self.dry += max(0.0, until - max(since, self.settled))

    @property
    def asked(self) -> float:
        """Numbers a second that were wanted of all instances."""
        return self.world.instances * self.world.rate

    @property
    def given(self) -> float:
        """Numbers a second that all instances could give."""
        counted = (self.seconds - self.settled) * self.world.instances
        return self.asked * (1 - self.dry / counted)

    @property
    def utilisation(self) -> float:
        """The share of the time in which the row was leasing."""
        return min(1.0, self.busy / self.seconds)

    @property
    def leases_per_second(self) -> float:
        """As the database sees them."""
        return len(self.waits) / self.seconds

    def wait(self, percent: float) -> float:
        """A percentile of the waits, in seconds; 0 where nobody leased."""
        return percentile(self.waits, percent) if self.waits else 0.0


def run(world: World, seconds: float, seed: int = 1) -> Course:
    """Simulate that many seconds. The same seed gives the same course."""
    draw = random.Random(seed)
    environment = simpy.Environment()
    row = simpy.Resource(environment)
    course = Course(world, seconds)
    for index in range(world.instances):
        environment.process(_instance(index, environment, row, course, draw))
    environment.run(until=seconds)
    for since in course.dry_since.values():
        course.stood_dry(since, seconds)
    return course


def _instance(
    index: int,
    environment: simpy.Environment,
    row: simpy.Resource,
    course: Course,
    draw: random.Random,
) -> Steps:
    world = course.world
    plan = ReservePlan(world.reserve_seconds)
    low = plan.low_water(world.rate, world.block_size, scarce=False)

    def wanted(held: float) -> int:
        return plan.blocks_wanted(
            world.rate, world.block_size, held=int(held), last=0, scarce=False
        )

    # At a cold start it knows no rate yet and takes one block, as the service does; otherwise it
    # is somewhere between a refill and the next.
    held = 0.0 if world.cold else low + draw.random() * wanted(low) * world.block_size
    blocks = 1 if world.cold else 0
    while True:
        if not blocks:
            yield environment.timeout(max(0.0, (held - low) / world.rate))
            held = min(held, low)
            blocks = wanted(held)
        asked = environment.now
        course.dry_since[index] = asked + held / world.rate
        yield from _lease(environment, row, course, draw)
        waited = environment.now - asked
        course.stood_dry(course.dry_since.pop(index), environment.now)
        if not course.served[index]:
            course.served[index] = True
            course.last_first = environment.now
        course.waits.append(waited)
        held = max(0.0, held - waited * world.rate) + blocks * world.block_size
        blocks = wanted(held)


def _lease(
    environment: simpy.Environment, row: simpy.Resource, course: Course, draw: random.Random
) -> Steps:
    with row.request() as turn:
        yield turn
        seconds = draw.expovariate(1 / course.world.lease_seconds)
        yield environment.timeout(seconds)
        course.busy += seconds


def instance_counts(most: int) -> Iterator[int]:
    """10, 30, 100, … to `most`."""
    count = 10
    while count <= most:
        yield count
        if 3 * count <= most:
            yield 3 * count
        count *= 10
