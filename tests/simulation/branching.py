"""Failovers, restores and copies: servers that begin with an older state of another."""

from __future__ import annotations

from tests.simulation.processes import Operator
from tests.simulation.servers import Server
from tests.simulation.world import Backup, World
from tracking_service.errors import MovedError
from tracking_service.store.blocks import BlockStore

_COUNTERS = "SELECT name, next_serial, end_serial, block_size, failover_skip FROM series"
_LEASED = (
    'SELECT name, max("end") FROM block JOIN series ON series.id = block.series_id'
    " WHERE state <> 'skipped' GROUP BY name"
)


def fail_over(world: World, back: int, *, follows: bool) -> Server:
    """Promote a standby that lacks the last `back` commits; the primary is gone.

    `follows`: it has heard of every timeline before. Else it is a standby of the primary before,
    and has not begun to follow the one that is lost now.
    """
    old = world.primary
    if not follows and old.guarded and old.parent is not None and not old.imported:
        old = old.parent
    commit, state = old.states[-1 - min(back, len(old.states) - 1)]
    timeline = (world.highest_timeline if follows else old.timeline) + 1
    new = _branch(world, old, commit, state, timeline=timeline, guarded=world.timelines)
    _become_primary(world, new)
    return new


def restore(world: World, backup: Backup, *, as_it_was: bool) -> Server:
    """Put a backup in the primary's place: as it was, or to a point in time, on a new timeline."""
    backup.restored += 1
    guarded = world.timelines and not as_it_was
    timeline = world.highest_timeline + 1 if guarded else backup.server.timeline
    new = _branch(
        world, backup.server, backup.commit, backup.state, timeline=timeline, guarded=guarded
    )
    _become_primary(world, new)
    return new


def copy(world: World) -> Server:
    """Start a copy of the primary as it is, beside it."""
    old = world.primary
    commit, state = old.states[-1]
    return _branch(world, old, commit, state, timeline=old.timeline, guarded=False)


def _branch(
    world: World, parent: Server, commit: int, state: bytes, *, timeline: int, guarded: bool
) -> Server:
    new = world.add_server(
        state, timeline=timeline, parent=parent, parent_commit=commit, guarded=guarded
    )
    new.clock_ahead, new.furthest_ahead = parent.clock_ahead, parent.furthest_ahead
    # How far the parent has come since, beside what a skip leaves out.
    furthest = {name: counter for name, counter, *_ in parent.raw.execute(_COUNTERS)}
    for name, counter, end, size, least in new.raw.execute(_COUNTERS):
        new.margins[name] = max((end - counter) // 100, 100 * size, least)
        if furthest.get(name, counter) - counter > new.margins[name]:
            new.overrun.add(name)
    return new


def _become_primary(world: World, new: Server) -> None:
    world.primary.stop()
    world.primary = new
    for client in world.clients:
        client.pinned = None


def skip_by_the_runbook(world: World) -> None:
    """What an operator does after a restore, before anything is served: skip each series.

    By more than was leased since the copy was made, in whatever history.
    """
    operator = Operator(world, world.hosts[0])
    store = BlockStore(operator.database, instance=world.new_name(operator.host))
    furthest = dict[str, int]()
    for server in world.servers:
        for name, leased in server.raw.execute(_LEASED):
            furthest[name] = max(leased, furthest.get(name, 0))
    for name, counter, end, *_ in world.primary.raw.execute(_COUNTERS).fetchall():
        try:
            # Also where nothing but tails was leased since.
            store.skip_to(name, by=max(min(furthest.get(name, 0) + 1, end) - counter, 1))
        except MovedError:
            # An export that did not come to its end has sealed it, and it leases nothing.
            continue
        world.primary.skipped_by_runbook[name] = world.primary.commits
    world.say("an operator skips every series past what was leased")
