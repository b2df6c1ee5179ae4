"""What callers ask: single numbers, batches with and without keys, and whether a number is good."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from tests.simulation.fibers import current
from tests.simulation.fleet import serving
from tests.simulation.oracle import Answer
from tests.simulation.processes import KEEP_SECONDS, Process
from tests.simulation.servers import Server
from tests.simulation.world import World
from tracking_service.allocation import Block
from tracking_service.errors import (
    AllocationError,
    NotIssuedError,
    StoreError,
    TrackingServiceError,
)
from tracking_service.instance.series import OpenSeries
from tracking_service.numbering import Shipment

SHIPMENT = Shipment("MY", "ID")
SERIES = ("default",) * 12 + ("gifts",) * 5 + ("middle",) * 4 + ("few", "few", "made", "nothing")
BURST_MOST = 24
TRIES = 6
"""Rounds that a request waits for a lease."""


def ask(world: World) -> None:
    """A burst of requests at one instance, each for a single number."""
    if processes := serving(world):
        process = world.draw.choice(processes)
        series = world.draw.choice(SERIES)
        count = world.draw.randrange(1, BURST_MOST)
        world.say(f"{count} requests to {process.name} for {series}")
        world.fibers.spawn(process, lambda: _burst(process, series, count))


def rush(world: World) -> None:
    """A burst of requests at every instance at once, for one series."""
    series = world.draw.choice(("default", "gifts", "middle"))
    count = world.draw.randrange(4, BURST_MOST)
    world.say(f"{count} requests to every instance for {series}")
    for process in serving(world):
        world.fibers.spawn(process, partial(_burst, process, series, count))


def _burst(process: Process, series: str, count: int) -> None:
    world = process.world
    opened = _opened(process, series)
    if opened is None:
        world.oracle.counts["requests"] += 1
        return
    for _ in range(count):
        world.oracle.counts["requests"] += 1
        if not _one(process, opened):
            return
        if world.draw.random() < 0.1:
            world.fibers.pause()


def _one(process: Process, opened: OpenSeries) -> bool:
    """Ask for one number, and wait for a lease where none is left; return whether it came."""
    world, series = process.world, opened.name
    for _ in range(TRIES):
        line = (opened, *process.instance.registry.successors_of(opened))
        left = sum(0 if each.allocator.closed else each.allocator.left for each in line)
        try:
            if world.draw.random() < 0.03:
                number, _ = process.issuer.issue(SHIPMENT, series)
                decoded = opened.format.decode(number)
                world.oracle.write(number, decoded.serial)
                giver = world.oracle.series_of(process, decoded.serial)
                world.oracle.spend(process, giver, Block(decoded.serial, decoded.serial + 1))
            else:
                process.issuer.issue_many(SHIPMENT, 1, series)
        except AllocationError as error:
            world.oracle.require(
                left == 0, f"a request failed while {left} serials for {series} were left: {error}"
            )
            world.oracle.counts["refused"] += 1
            if not error.transient:
                return False
            _wait(process)
        else:
            world.oracle.counts["numbers"] += 1
            return True
    return False


def _opened(process: Process, series: str) -> OpenSeries | None:
    """The series, once the instance has it open; None if that does not come about."""
    registry = process.instance.registry
    for _ in range(TRIES):
        if (opened := registry.open.get(series)) is not None:
            return opened
        try:
            future = registry.request(series)
        except AllocationError:
            return None
        _wait(process)
        if future.done():
            break
    return registry.open.get(series)


def _wait(process: Process) -> None:
    """Let the instance lease, as far as the world lets it."""
    process.look_after()
    step = process.step
    if step is not None and not step.dead and step is not current():
        process.world.fibers.wait_until(lambda: step.dead)
    else:
        process.world.fibers.pause()


def ask_for_batch(world: World) -> None:
    """A batch, under a new key, one that was used before, or none."""
    if not (processes := serving(world)):
        return
    process = world.draw.choice(processes)
    series = world.draw.choice(("default", "gifts"))
    count = world.draw.randrange(1, 12)
    key = None
    if world.draw.random() < 0.8:
        number = world.draw.randrange(4)
        key, series, count = f"key-{number}", ("default", "gifts")[number % 2], 3 + number
    # A caller in haste asks two instances at once.
    others = {process, world.draw.choice(processes)} if key else {process}
    for each in sorted(others, key=lambda each: each.name):
        world.say(f"a batch of {count} from {each.name} for {series}, under {key}")
        world.fibers.spawn(each, partial(_batch, each, series, count, key))


def _batch(process: Process, series: str, count: int, key: str | None) -> None:
    world = process.world
    world.oracle.counts["requests"] += 1
    world.oracle.counts["batches"] += 1
    opened = _opened(process, series)
    if opened is None:
        return
    for _ in range(TRIES):
        server = process.server
        fiber = current()
        assert fiber is not None
        fiber.commit = None
        began = server.time()
        try:
            batch = process.batches.issue(
                SHIPMENT, count, series, key=key, fingerprint=f"{series} {count}"
            )
        except AllocationError as error:
            if not error.transient:
                return
            _wait(process)
        except StoreError:
            return
        else:
            world.oracle.require(count == len(batch), f"a batch of {len(batch)}, not {count}")
            # One that was led to another server meanwhile may have its answer from either.
            if key is not None and process.server is server:
                _compare(world, key, server, fiber.commit, began, batch.blocks)
            return


def _compare(
    world: World,
    key: str,
    server: Server,
    commit: tuple[object, int] | None,
    began: datetime,
    blocks: tuple[Block, ...],
) -> None:
    """Hold an answer beside those before, of this history, that were not forgotten by then."""
    # No later than this, for the clock may have gone on since it was recorded, or been put back before.
    until = min(began, server.time()) + timedelta(seconds=KEEP_SECONDS)
    own = commit[1] if commit is not None and commit[0] is server else None
    heard = world.oracle.keys.setdefault(key, [])
    now = server.furthest_time()
    for other in heard:
        if not (server.alive and server.knows(other.server, other.commit) and now < other.until):
            continue
        if other.server is server and own is not None:
            # This answer may be late, and its key expired before the other was recorded.
            is_bound = other.commit < own or other.heard_at < until
        else:
            is_bound = other.heard_at <= began
        world.oracle.require(
            not is_bound or other.blocks == blocks,
            f"{key} stood for {other.blocks}, and now for {blocks}",
        )
    if own is not None:
        heard.append(Answer(server, own, until, now, blocks))


def verify(world: World) -> None:
    """Somebody asks whether a number is good: one that was issued, or one nearby."""
    processes = serving(world)
    numbers = world.oracle.numbers
    if not processes or not numbers:
        return
    process = world.draw.choice(processes)
    number = world.draw.choice(list(numbers))
    world.fibers.spawn(process, lambda: check(process, number))


def check(process: Process, number: str) -> None:
    """Verify a number that was issued, and the one whose serial follows it."""
    world = process.world
    world.oracle.counts["verified"] += 1
    serial = world.oracle.numbers[number]
    server = process.server
    held = world.oracle.spent[serial]
    try:
        process.verifier.verify(number)
    except NotIssuedError:
        recorded = server.knows(held.server, held.commit) and server is process.server
        world.oracle.require(not recorded, f"{number}, serial {serial}, was issued: not found")
        return
    except TrackingServiceError:
        return
    try:
        # The series have one pattern, and share its number space.
        number_space = process.instance.number_spaces.find("default")
        follows = number_space.format.encode(serial + 1, SHIPMENT)
        next_one = process.verifier.verify(follows)
    except TrackingServiceError:
        return
    world.oracle.require(
        next_one.status != "issued" or serial + 1 in world.oracle.spent,
        f"{follows}, serial {serial + 1}, is said to be issued, and was not",
    )
