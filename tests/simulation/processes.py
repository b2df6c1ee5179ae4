"""The real service in one simulated process, put together as the app does it, and operators."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from datetime import datetime, timedelta

from sqlalchemy import URL

from tests.simulation.fibers import Fiber, Owner, current
from tests.simulation.oracle import Held
from tests.simulation.servers import EPOCH, MemoryDialect, Server, Slot
from tests.simulation.world import FOLDER, Host, World
from tracking_service.allocation import Allocator, Block, NullObserver
from tracking_service.instance.number_spaces import DEFAULT_SERIES, NumberSpaces
from tracking_service.numbering import Format, Shipment
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches
from tracking_service.services.verify import Verifier
from tracking_service.store.blocks import BlockReader
from tracking_service.store.database import Bulkhead, Database, Use
from tracking_service.store.series import SeriesStore
from tracking_service.wait_limiter import WaitLimiter

THREADS = 32
KEEP_SECONDS = 60.0

_free: dict[bool, list[Connections]] = {True: [], False: []}
"""By whether timelines are looked at. Engines cost more than a history, so they are used again."""


class Connections(Slot):
    """A slot with the real `Database` on it."""

    def __init__(self, *, timelines: bool) -> None:
        self.timelines = timelines
        self.bulkhead = Bulkhead(THREADS, clock=lambda: self.process.world.now)
        self.database = Database(
            URL.create("sqlite", database="simulated"),
            timeout_seconds=5,
            bulkhead=self.bulkhead,
            dialect=MemoryDialect(self, timelines=timelines),
        )


class Client(Owner):
    """What connects to a database from a host: a process of the service, or a command."""

    def __init__(self, world: World, host: Host) -> None:
        self.world, self.host = world, host
        self.goes_by_its_own_clock = world.variant.goes_by_its_own_clock
        self.pinned: Server | None = None
        """A server other than the primary that it is connected to."""
        looks = world.timelines and world.variant.looks_at_timelines
        self._connections = _free[looks].pop() if _free[looks] else Connections(timelines=looks)
        self._connections.process = self
        self._connections.bulkhead.reset_after_fork()
        self.database = self._connections.database
        self.marks = world.variant.marks(FOLDER, disk=host.disk)
        self.marks.client = self
        self.known: dict[str, set[int]] = defaultdict(set)
        """Leases that it was given, or had read of when it was given one, by their series."""
        self.read: dict[str, set[int]] = {}
        """Leases that stood in its folder when it last read the marks, by their series."""
        self.latest: dict[str, Held] = {}
        """The last lease from the store, by its series."""
        self.held: dict[str, list[Held]] = defaultdict(list)
        """Leases that it may spend, by their series."""
        world.clients.append(self)

    @property
    def server(self) -> Server:
        return self.pinned or self.world.primary

    def release(self) -> None:
        """Let another use the connections."""
        _free[self._connections.timelines].append(self._connections)


class Operator(Client):
    """A command that an operator runs on a host."""


class RecordingIssuer(Issuer):
    """The real issuer; what a batch takes the oracle learns, whatever becomes of the batch."""

    process: Process

    def issue_many(
        self, shipment: Shipment, count: int, series: str = DEFAULT_SERIES
    ) -> tuple[str, Format, tuple[Block, ...]]:
        giver, number_format, blocks = super().issue_many(shipment, count, series)
        for block in blocks:
            self.process.world.oracle.spend(self.process, giver, block)
        return giver, number_format, blocks


class _Observer(NullObserver):
    def __init__(self, process: Process) -> None:
        self._process = process

    def leased(self, series: str, serials: int, seconds: float) -> None:
        self._process.world.oracle.accept(self._process, series)


class Process(Client):
    """One instance of the service, with what answers requests from it."""

    def __init__(self, world: World, host: Host, *, reserve_seconds: float) -> None:
        super().__init__(world, host)
        self.reserve_seconds = reserve_seconds
        self.closing = False
        self.closed = False
        """Whether it has handed back, and is gone."""
        self.handed_back_to: object = None
        """The server that it has handed everything back to."""
        self.step: Fiber | None = None
        """The round of leasing that is under way."""
        series = SeriesStore(self.database, token_bytes=world.draw.randbytes)
        self.instance = world.variant.instance(
            lambda name: world.variant.store(self, name),
            series,
            self.marks,
            number_spaces=NumberSpaces(SeriesStore(self.database, Use.REQUEST)),
            limiter=WaitLimiter(threads=THREADS, clock=world.clock),
            reserve_seconds=reserve_seconds,
            # Nothing waits in a simulation: a request that finds nothing asks again.
            wait_seconds=0,
            observer=_Observer(self),
            threaded=False,
            clock=world.clock,
            uniform=world.uniform,
            new_name=lambda: world.new_name(host),
            register_hooks=lambda _: None,
        )
        self.issuer = RecordingIssuer(self.instance)
        self.issuer.process = self
        self.batches = Batches(
            self.issuer,
            world.variant.batches(self.database),
            keep_seconds=KEEP_SECONDS,
            now=self.utc_now,
        )
        self.verifier = Verifier(
            self.instance.number_spaces, BlockReader(self.database).holding, self.instance.has_spent
        )
        self.instance.start()

    @property
    def name(self) -> str:
        return self.instance.name.rpartition(":")[0]

    @property
    def serves(self) -> bool:
        return not (self.dead or self.frozen or self.closing)

    def utc_now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.world.now + self.host.clock_ahead)

    def fork(self) -> Process:
        """The child of a fork: it has what its parent had in memory, and is told of the fork."""
        child = Process(self.world, self.host, reserve_seconds=self.reserve_seconds)
        child.pinned = self.pinned
        for name, opened in self.instance.registry.open.items():
            inherited = copy(opened)
            inherited.allocator = Allocator(name, wake_leaser=lambda: None)
            inherited.allocator.add(opened.allocator.unspent, low_water=0)
            child.instance.registry.open[name] = inherited
            child.held[name] = list(self.held[name])
        child.instance.reset_after_fork()
        child.instance.start()
        return child

    def look_after(self) -> None:
        """Begin a round of leasing, if one is due and none is under way."""
        under_way = self.step is not None and not self.step.dead
        if not under_way and not self.closing and self.instance.leaser.seconds_until_due() <= 0:
            self.step = self.world.fibers.spawn(self, self.instance.leaser.step)

    def stop(self) -> None:
        """End in good order: close, let the round under way end, and hand back."""
        self.closing = True
        self.world.fibers.spawn(self, self._stop)

    def _stop(self) -> None:
        self.instance.stop_being_ready()
        step = self.step
        if step is not None and not step.dead:
            self.instance.registry.close()
            self.world.fibers.wait_until(lambda: step.dead)
        fiber = current()
        assert fiber is not None
        fiber.commit = None
        server = self.server
        if self.instance.close() is not None and fiber.commit is not None:
            # Amid that the server may have been restored, as it was before the first part.
            self.handed_back_to = server if fiber.commit[0] is server else None
        self.closed = True

    def kill(self) -> None:
        """Die without a word."""
        self.dead = True
        self.world.fibers.kill(self)
