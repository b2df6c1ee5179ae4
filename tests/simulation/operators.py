"""What operators do in the middle: lease blocks, mint, skip, make series, move to another database."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation import fleet
from tests.simulation.fibers import current
from tests.simulation.processes import Operator
from tests.simulation.world import World
from tracking_service.allocation import Block, GuardedLeases, NullObserver
from tracking_service.errors import ExportError, TrackingServiceError
from tracking_service.numbering import key_fingerprint
from tracking_service.store.blocks import BlockStore
from tracking_service.store.series import SeriesStore
from tracking_service.store.transfer import export, import_, reopen

SERIES = ("default", "gifts", "middle", "few")


def lease(world: World) -> None:
    """`blocks lease`: a block for a site without network, which spends all of it."""
    _run(world, lambda operator: _lease(operator, world.draw.choice(SERIES), 1, spend=None))


def mint(world: World) -> None:
    """`numbers mint`: some numbers, and the rest goes back."""
    count = world.draw.randrange(1, 30)
    _run(world, lambda operator: _lease(operator, world.draw.choice(SERIES), 2, spend=count))


def _lease(operator: Operator, name: str, blocks: int, *, spend: int | None) -> None:
    """Lease as a command does; spend the first so many serials, or all, and hand back the rest."""
    world = operator.world
    found = SeriesStore(operator.database).find(name)
    store = world.variant.store(operator, world.new_name(operator.host))
    leases = GuardedLeases(
        name,
        fingerprint=key_fingerprint(found.key),
        end_serial=found.end_serial,
        instance=store.instance,
        store=store,
        marks=operator.marks,
        observer=NullObserver(),
    )
    rest: list[Block] = []
    try:
        block = leases.lease(blocks).block
        world.oracle.accept(operator, name)
        end = block.end if spend is None else min(block.end, block.start + spend)
        world.oracle.spend(operator, name, Block(block.start, end))
        rest = [Block(end, block.end)] if end < block.end else []
    finally:
        if spend is not None:
            unspent = [*rest, *leases.close()]
            store.hand_back(name, unspent)
            leases.record_hand_back(unspent)


def skip(world: World) -> None:
    """`series skip`, by a few serials, for whatever reason."""
    name, by = world.draw.choice(SERIES[:3]), world.draw.randrange(1, 50)
    _run(world, lambda operator: _store(operator).skip_to(name, by=by))


def create(world: World) -> None:
    """`series create`, of a small series that takes serials of the one number space."""
    _run(world, _create)


def _create(operator: Operator) -> None:
    store = _series(operator)
    pattern = store.find("default").pattern
    store.create("made", pattern=pattern, serials=3_000, block_size=4)


def succeed(world: World) -> None:
    """`series successor`: of the series that run out, another one or none, whatever there is."""
    name = world.draw.choice(("few", "few", "made", "middle"))
    successor = world.draw.choice(("gifts", "gifts", "made", "few", None))
    _run(world, lambda operator: _series(operator).set_successor(name, successor))


def close(world: World) -> None:
    """`series close`, of a small series."""
    name = world.draw.choice(("few", "made"))
    _run(world, lambda operator: _series(operator).close(name))


def _series(operator: Operator) -> SeriesStore:
    return SeriesStore(operator.database, token_bytes=operator.world.draw.randbytes)


def move(world: World) -> None:
    """Export every series, import them into a fresh database, and start instances on that."""
    if world.moved or world.primary.fault:
        return
    world.fibers.run(100_000)
    old = world.primary
    lines: list[str] = []
    operator = Operator(world, world.hosts[0])
    operator.pinned = old
    old.losses.clear()
    fiber = world.fibers.spawn(operator, lambda: _export(operator, lines))
    world.fibers.run(100_000)
    if not fiber.dead or fiber.commit is None:
        return
    new = world.fresh_server()
    operator.pinned = new
    try:
        import_(operator.database, lines)
    except ExportError as error:
        # A batch has serials that a restore, which nobody has noticed yet, has forgotten.
        world.say(f"the import is refused, and the seal taken back: {error}")
        operator.pinned = old
        reopen(operator.database)
        return
    # Nothing may be restored from before, and what is forgotten later is not the import.
    new.states.clear()
    new.states.append((new.commits, new.raw.serialize()))
    new.become_child(old, fiber.commit[1])
    for process in fleet.instances(world):
        process.pinned = process.pinned or old
        if world.draw.random() < 0.5 and process.serves:
            process.stop()
    world.primary, world.moved = new, True
    world.backups.clear()
    world.say(f"every series is moved to {new.name}")
    fleet.start(world, world.draw.choice(world.hosts))


def _export(operator: Operator, lines: list[str]) -> None:
    try:
        export(
            operator.database, lines.append, keep=lambda: None, randbelow=operator.world.randbelow
        )
    except TrackingServiceError:
        fiber = current()
        assert fiber is not None
        fiber.commit = None


def _store(operator: Operator) -> BlockStore:
    world = operator.world
    return BlockStore(
        operator.database,
        instance=world.new_name(operator.host),
        randbelow=world.variant.randbelow(world),
    )


def _run(world: World, command: Callable[[Operator], object]) -> None:
    """Run a command on some host; what it reports, the operator reads."""
    operator = Operator(world, world.draw.choice(world.hosts))

    def run() -> None:
        try:
            command(operator)
        except TrackingServiceError as error:
            world.say(f"the command fails: {error}")

    world.say("an operator runs a command")
    world.fibers.spawn(operator, run)
