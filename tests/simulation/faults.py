"""What befalls databases, instances and hosts."""

from __future__ import annotations

from tests.simulation import branching, fleet, requests
from tests.simulation.servers import STATES
from tests.simulation.world import Backup, World


def let_time_pass(world: World) -> None:
    seconds = world.draw.choice((0.5, 2.0, 7.0, 20.0, 65.0))
    world.now += seconds
    world.say(f"{seconds:g} s pass")


def lose_commits(world: World) -> None:
    """Of the next commits some get lost, and of some the answer."""
    losses = [world.draw.choice(("commit", "answer", "answer", "kept")) for _ in range(3)]
    world.primary.losses.extend(losses)
    world.say(f"what becomes of the next commits: {', '.join(losses)}")


def break_database(world: World) -> None:
    world.primary.fault = world.draw.choice(("away", "away", "slow", "full", "read-only"))
    world.say(f"{world.primary.name} is {world.primary.fault}")


def mend_database(world: World) -> None:
    if world.primary.fault:
        world.say(f"{world.primary.name} is well again")
        world.primary.fault = None


def fail_over(world: World) -> None:
    """To a standby of a server that has timelines; an SQLite file has none, and is restored."""
    if not world.timelines:
        restore(world)
        return
    back = world.draw.choice((0, 1, 1, 2, 3, 5, 8, STATES))
    follows = world.draw.random() < 0.7
    new = branching.fail_over(world, back, follows=follows)
    world.oracle.counts["failovers"] += 1
    world.say(
        f"failover to {new.name}, timeline {new.timeline}, which knows"
        f" {new.parent_commit} commits of {new.parent.name if new.parent else ''}"
    )


def back_up(world: World) -> None:
    server = world.primary
    commit, state = server.states[-1]
    world.backups.append(Backup(server, commit, state))
    world.say(f"a backup of {server.name} at commit {commit}")


def restore(world: World) -> None:
    """From a backup, or from what is left of a moment ago; with the runbook's steps, or without."""
    if world.backups and world.draw.random() < 0.6:
        backup = world.draw.choice(world.backups)
    else:
        server = world.primary
        commit, state = world.draw.choice(list(server.states))
        backup = Backup(server, commit, state)
        world.backups.append(backup)
    as_it_was = world.draw.random() < 0.5
    new = branching.restore(world, backup, as_it_was=as_it_was)
    world.oracle.counts["failovers"] += 1
    how = "as it was" if not new.guarded else f"on timeline {new.timeline}"
    world.say(
        f"a restore, {how}, to {new.name}, which knows {backup.commit} commits of"
        f" {backup.server.name}"
    )
    if not new.guarded and world.draw.random() < 0.4:
        branching.skip_by_the_runbook(world)


def serve_a_copy(world: World) -> None:
    """Some instances go on with a copy of the database, and the others with the original."""
    new = branching.copy(world)
    new.name = f"{new.name}, a copy"
    for process in fleet.serving(world):
        if world.draw.random() < 0.5:
            process.pinned = new
            world.say(f"{process.name} now uses {new.name}, a copy of {world.primary.name}")


def bring_former_primary_back(world: World) -> None:
    """Nobody has fenced it, and some instances use it again."""
    server = world.primary
    former = server.parent
    if former is None or not server.guarded or former.alive:
        return
    former.alive = True
    # So it is beside all that were begun from it, not the last alone.
    for each in world.servers:
        each.unfenced |= each.parent is former
    for process in fleet.serving(world):
        if world.draw.random() < 0.5:
            process.pinned = former
            world.say(f"{process.name} uses the former primary, {former.name}, again")


def kill(world: World) -> None:
    if instances := fleet.instances(world):
        process = world.draw.choice(instances)
        process.kill()
        world.say(f"{process.name} is killed")


def stop(world: World) -> None:
    if instances := fleet.serving(world):
        process = world.draw.choice(instances)
        world.say(f"{process.name} is stopped")
        process.stop()


def hand_over(world: World) -> None:
    """An instance stops, and all others want what it has handed back."""
    stop(world)
    world.fibers.run(1_000)
    requests.rush(world)


def start(world: World) -> None:
    if len(fleet.instances(world)) < fleet.INSTANCES_MOST:
        process = fleet.start(world, world.draw.choice(world.hosts))
        copies = [each.pinned for each in fleet.instances(world) if each.pinned]
        if copies and world.draw.random() < 0.5:
            process.pinned = copies[0]


def fork(world: World) -> None:
    instances = fleet.serving(world)
    if instances and len(instances) < fleet.INSTANCES_MOST:
        process = world.draw.choice(instances)
        child = process.fork()
        world.say(f"{process.name} forks {child.name}")


def freeze(world: World) -> None:
    if instances := fleet.serving(world):
        process = world.draw.choice(instances)
        process.frozen = True
        world.say(f"{process.name} is frozen")


def thaw(world: World) -> None:
    for process in fleet.instances(world):
        if process.frozen:
            process.frozen = False
            world.say(f"{process.name} goes on")


def cut_power(world: World) -> None:
    """A host loses power, with all that runs there; perhaps the database is restored after it."""
    host = world.draw.choice(world.hosts)
    for process in fleet.instances(world):
        if process.host is host:
            process.kill()
    host.disk.lose_power(world.draw)
    world.say(f"{host.name} loses power")
    if world.draw.random() < 0.4:
        restore(world)
    if world.draw.random() < 0.7:
        fleet.start(world, host)


def fill_disk(world: World) -> None:
    host = world.draw.choice(world.hosts)
    host.disk.full = not host.disk.full
    world.say(f"the disk of {host.name} is {'full' if host.disk.full else 'free again'}")


def lose_folder(world: World) -> None:
    host = world.draw.choice(world.hosts)
    host.disk.lose_folder()
    host.known.clear()
    world.say(f"the state folder of {host.name} is lost")


def copy_folder(world: World) -> None:
    """The state folder of one host is put in the place of another's."""
    source, target = world.draw.choice(world.hosts), world.draw.choice(world.hosts)
    if source is not target:
        target.disk.copy_from(source.disk)
        target.known = {series: set(known) for series, known in source.known.items()}
        world.say(f"the state folder of {source.name} is copied to {target.name}")


def turn_clock(world: World) -> None:
    """Of a host, or of the database: forwards or back."""
    seconds = world.draw.choice((-3600.0, -30.0, 30.0, 3600.0))
    if world.draw.random() < 0.6:
        host = world.draw.choice(world.hosts)
        host.clock_ahead += seconds
        world.say(f"the clock of {host.name} jumps by {seconds:g} s")
    else:
        world.primary.turn_clock(seconds)
        world.say(f"the clock of {world.primary.name} jumps by {seconds:g} s")
