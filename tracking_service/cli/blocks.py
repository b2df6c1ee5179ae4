"""`flask blocks`: lease blocks by hand, and see who leased what."""

from typing import Any

import click

from tracking_service.allocation import Lease
from tracking_service.cli.context import guarded_leases, with_database
from tracking_service.cli.options import HELP_NAMES, SERIES
from tracking_service.cli.output import (
    format_time,
    json_option,
    print_facts,
    print_table,
)
from tracking_service.container import Services
from tracking_service.errors import StoreError
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.instance.process import instance_name
from tracking_service.records import LeasedBlock
from tracking_service.store.blocks import BlockStore

_COLUMNS = ("id", "series", "start", "end", "state", "instance", "leased_at", "released_at")


@click.group(context_settings=HELP_NAMES)
def blocks() -> None:
    """Lease blocks of serials, and inspect the leases."""


@blocks.command()
@click.option(
    "--series",
    type=SERIES,
    default=DEFAULT_SERIES,
    show_default=True,
    help="Series to lease from.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many blocks to lease, each in a transaction of its own.",
)
@json_option
@with_database
def lease(services: Services, series: str, count: int, as_json: bool) -> None:
    """Lease blocks and print them. They are yours: no instance will issue from them.

    If only some can be leased, the command prints these and then the error.
    """
    store = BlockStore(services.database, instance_name())
    leases = guarded_leases(services, series, store)
    taken: list[Lease] = []
    try:
        for _ in range(count):
            # One by one, so that leases before an error are kept.
            taken.append(leases.lease(1))  # noqa: PERF401
    finally:
        # Also after Ctrl-C: a leased block that is not printed is lost.
        if taken:
            rows = [_leased(services, series, store.instance, each) for each in taken]
            print_table(rows, _COLUMNS, as_json=as_json)


@blocks.command("list")
@click.option("--series", type=SERIES, help="Only those of this series.")
@click.option("--instance", help="Only those of this instance: host:pid:random.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    show_default=True,
    help="How many to print, the newest first.",
)
@json_option
@with_database
def list_blocks(
    services: Services, series: str | None, instance: str | None, limit: int, as_json: bool
) -> None:
    """List the last leases, the newest first.

    A block is [start, end). Its state is leased (held, or lost with its instance), spent, returned
    (unspent, to be leased first) or skipped.
    """
    if series is not None:
        services.series.find(series)
    found = services.blocks.latest(series=series, instance=instance, limit=limit)
    print_table([_row(block) for block in found], _COLUMNS, as_json=as_json)


@blocks.command()
@click.argument("block_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@json_option
@with_database
def show(services: Services, block_id: int, as_json: bool) -> None:
    """Show the block ID, as the list names it."""
    block = services.blocks.by_id(block_id)
    if block is None:
        raise click.ClickException(f"there is no block {block_id}")
    print_facts(_row(block), as_json=as_json)


def _leased(services: Services, series: str, instance: str, lease: Lease) -> dict[str, Any]:
    """The database's record of a lease; if the database fails, what is known without it."""
    try:
        found = services.blocks.by_id(lease.block_id)
    except StoreError:
        # The lease is committed, even if the database fails now.
        found = None
    if found is not None:
        return _row(found)
    return {
        "id": lease.block_id,
        "series": series,
        "start": lease.block.start,
        "end": lease.block.end,
        "state": "leased",
        "instance": instance,
        "leased_at": None,
        "released_at": None,
        "spent_end": None,
    }


def _row(block: LeasedBlock) -> dict[str, Any]:
    return {
        "id": block.id,
        "series": block.series,
        "start": block.start,
        "end": block.end,
        "state": block.state,
        "instance": block.instance,
        "leased_at": format_time(block.leased_at),
        "released_at": format_time(block.released_at),
        "spent_end": block.spent_end,
    }
