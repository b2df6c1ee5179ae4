"""The judge: what was leased, by whom, in which history, and whether anything came twice.

It keeps books of its own and asks the service nothing. docs/uniqueness.md says what is promised;
what it says is not, `limits.py` excuses, and nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.limits import excuse, find_unnoticed
from tests.simulation.servers import Server
from tracking_service.allocation import Block, Lease

if TYPE_CHECKING:
    from tests.simulation.processes import Client
    from tests.simulation.world import World


class FaultError(Exception):
    """A promise is broken."""


@dataclass(eq=False)
class Held:
    """A lease that a client got from its store, in the history of `server` up to `commit`."""

    id: int
    series: str
    block: Block
    lease_number: int
    fresh: bool
    server: Server
    commit: int
    client: Client


class Answer(NamedTuple):
    """The serials that a key stands for, and when: moments are of the server's clock."""

    server: Server
    commit: int
    until: datetime
    """The key is remembered until then, or longer."""
    heard_at: datetime
    """The key was recorded by then."""
    blocks: tuple[Block, ...]


class Oracle:
    """The books of one history. Raises FaultError as soon as a promise is broken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.leases: list[Held] = []
        self.accepted: dict[str, list[Held]] = defaultdict(list)
        self.spent: dict[int, Held] = {}
        """Under which lease each serial was handed out. The series share one number space, and
        have no serial in common."""
        self.numbers: dict[str, int] = {}
        """The serial of each number that was written."""
        self.keys: dict[str, list[Answer]] = {}
        """What was answered under each idempotency key."""
        self.excused: Counter[str] = Counter()
        self.excused_serials: set[int] = set()
        self.counts: Counter[str] = Counter()

    def leased(self, client: Client, series: str, lease: Lease, commit: tuple[object, int]) -> None:
        """The store has given a lease to a client."""
        server, number = commit
        assert isinstance(server, Server)
        held = Held(
            len(self.leases),
            series,
            lease.block,
            lease.lease_number,
            lease.fresh,
            server,
            number,
            client,
        )
        self.leases.append(held)
        client.latest[series] = held
        self.counts["leases"] += 1

    def recorded(self, client: Client, series: str) -> None:
        """The last lease of a client stands in the folder of its host."""
        client.host.known.setdefault(series, set()).add(client.latest[series].id)

    def accept(self, client: Client, series: str) -> None:
        """A client means to spend its last lease."""
        held = client.latest[series]
        accepted = self.accepted[series]
        known = client.known[series] | client.read.get(series, set())
        # Of what was recorded since, only what no single history can have beside it.
        known |= {
            each
            for each in client.host.known.get(series, ())
            if self.leases[each].lease_number == held.lease_number
            or _overlap(self.leases[each], held)
        } - {held.id}
        if len(self.world.servers) > 1:
            find_unnoticed(held, accepted, known)
        client.known[series] = known | {held.id}
        accepted.append(held)
        client.held[series].append(held)
        self.world.say(
            f"{client.host.name} {type(client).__name__.lower()} leases {held.block.start}"
            f" to {held.block.end - 1} of {series}, number {held.lease_number}, of {held.server.name}"
        )

    def spend(self, client: Client, series: str, block: Block) -> None:
        """A client has handed out these serials, whether anybody heard of it or not."""
        for serial in range(block.start, block.end):
            held = self._lease_of(client, series, serial)
            before = self.spent.get(serial)
            if before is not None:
                # Whatever the database forgot, an instance knows what it handed out itself.
                why = None if before.client is client else excuse(before, held)
                if why is None:
                    raise FaultError(
                        f"{series}: serial {serial} was handed out twice: under {_told(before)},"
                        f" and under {_told(held)}"
                    )
                self.excused[why] += 1
                self.excused_serials.add(serial)
            self.spent[serial] = held

    def series_of(self, client: Client, serial: int) -> str:
        """The series of a serial that a client has leased; no two series have the same."""
        for series, leases in client.held.items():
            if any(serial in held.block for held in leases):
                return series
        raise FaultError(f"serial {serial} was handed out, and no lease had it")

    def _lease_of(self, client: Client, series: str, serial: int) -> Held:
        for held in reversed(client.held[series]):
            if serial in held.block:
                return held
        raise FaultError(f"{series}: serial {serial} was handed out, and no lease had it")

    def write(self, number: str, serial: int) -> None:
        """A number was written for a serial."""
        if self.numbers.setdefault(number, serial) != serial:
            raise FaultError(f"{number} stands for {serial} and for {self.numbers[number]}")

    def require(self, fact: bool, otherwise: str) -> None:
        if not fact:
            raise FaultError(otherwise)


def _overlap(one: Held, other: Held) -> bool:
    return one.block.start < other.block.end and other.block.start < one.block.end


def _told(held: Held) -> str:
    kind = "fresh" if held.fresh else "tail"
    return (
        f"lease {held.lease_number} ({kind}, {held.block.start} to {held.block.end - 1}) of"
        f" {held.server.name}, commit {held.commit}, to {held.client.host.name}"
    )
