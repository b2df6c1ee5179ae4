"""`flask numbers`: mint numbers in advance, and trace one back to its lease."""

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from tracking_service.allocation import Block, GuardedLeases, largest_lease
from tracking_service.cli.context import check_state_folder, guarded_leases, with_database
from tracking_service.cli.files import whole_file
from tracking_service.cli.options import HELP_NAMES, OUTPUT, SERIES
from tracking_service.cli.output import (
    format_time,
    json_option,
    print_facts,
    standard_output,
)
from tracking_service.clock import utc_now
from tracking_service.container import Services
from tracking_service.countries import COUNTRIES
from tracking_service.errors import SeriesExhaustedError, StoreError
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.instance.process import instance_name
from tracking_service.numbering import Format, Shipment
from tracking_service.records import SeriesRecord
from tracking_service.services.issue_batch import Batch
from tracking_service.store.blocks import BlockStore

RUN = 100_000
"""Serials that are spent at a time; an interrupt loses at most so many."""


@click.group(context_settings=HELP_NAMES)
def numbers() -> None:
    """Mint tracking numbers in advance, and trace one."""


@numbers.command()
@click.argument("number")
@json_option
@with_database
def inspect(services: Services, number: str, as_json: bool) -> None:
    """Trace NUMBER back to its series, serial, block and instance."""
    traced = services.verifier.trace(number)
    facts: dict[str, Any] = {
        "tracking_number": traced.number,
        "series": traced.series,
        "serial": traced.decoded.serial,
        "block_id": traced.block.id,
        "state": traced.block.state,
        "instance": traced.block.instance,
        "leased_at": format_time(traced.block.leased_at),
        "released_at": format_time(traced.block.released_at),
    }
    print_facts(facts, as_json=as_json)


def _country(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value not in COUNTRIES:
        raise click.BadParameter("must be an officially assigned ISO 3166-1 alpha-2 code")
    return value


@numbers.command()
@click.option("--origin", required=True, callback=_country, help="Country of origin, such as MY.")
@click.option("--destination", required=True, callback=_country, help="Such as ID.")
@click.option("--count", required=True, type=click.IntRange(1, 100_000_000), help="How many.")
@click.option(
    "--series",
    type=SERIES,
    default=DEFAULT_SERIES,
    show_default=True,
    help="Series to mint from.",
)
@click.option(
    "--output",
    type=OUTPUT,
    help="File to write, whole or not at all.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace the file of --output, if there is one.")
@with_database
def mint(
    services: Services,
    origin: str,
    destination: str,
    count: int,
    series: str,
    output: Path | None,
    force: bool,
) -> None:
    """Issue COUNT numbers, one a line, for labels printed in advance or a site without network.

    Where the series has too few left, the rest are of its successor. If it fails midway, the
    numbers that standard output has by then are issued.
    """
    shipment = Shipment(origin, destination)
    services.instance.number_spaces.find(series).format.check(shipment)
    _check_left(services, series, count)
    check_state_folder(services.marks.folder)
    # No progress bar in a pipe, nor among the numbers on a terminal.
    hidden = not sys.stderr.isatty() or (output is None and sys.stdout.isatty())
    with (
        standard_output() if output is None else whole_file(output, force=force) as file,
        closing(_line(services, series, count)) as runs,
        click.progressbar(length=count, file=sys.stderr, hidden=hidden) as bar,
    ):
        for number_format, run in runs:
            batch = Batch(number_format, shipment, (run,), utc_now())
            for chunk in batch.chunks():
                ends = range(0, len(chunk), number_format.width)
                file.writelines(chunk[at : at + number_format.width] + b"\n" for at in ends)
                bar.update(len(ends))


def _check_left(services: Services, series: str, count: int) -> None:
    """Refuse a count that the series and its successors cannot give, before any is spent."""
    line: list[str] = []
    left = 0
    name: str | None = series
    while name is not None and name not in line and left < count:
        record = services.series.find(name)
        if record.closed_at is None:
            left += record.remaining + services.blocks.count_returned(name)
        line.append(name)
        name = record.successor
    if left < count:
        raise SeriesExhaustedError(
            f"series exhausted: {left:,} serials are left of {', then '.join(line)}, and {count:,}"
            " are wanted; nothing was spent"
        )


def _line(
    services: Services, series: str, count: int
) -> Generator[tuple[Format, Block], None, None]:
    """Yield runs of `count` serials, each with its format: of a series, then of its successors."""
    store = BlockStore(services.database, instance_name())
    while True:
        record = services.series.find(series)
        number_format = services.instance.number_spaces.get(record).format
        try:
            with closing(
                _leased(guarded_leases(services, series, store), store, record, count)
            ) as runs:
                for run in runs:
                    count -= len(run)
                    yield number_format, run
            return
        except SeriesExhaustedError:
            if record.successor is None:
                raise
            series = record.successor


def _leased(
    leases: GuardedLeases, store: BlockStore, record: SeriesRecord, count: int
) -> Generator[Block, None, None]:
    """Lease and yield `count` serials in runs of at most RUN; hand back the rest at the end.

    A run that was yielded counts as spent.
    """
    most = largest_lease(record.remaining, record.block_size)
    left: Block | None = None
    try:
        while count:
            wanted = -(-count // record.block_size)
            left = leases.lease(min(wanted, most)).block
            while count and left is not None:
                end = min(left.end, left.start + min(count, RUN))
                run = Block(left.start, end)
                left = Block(end, left.end) if end < left.end else None
                count -= len(run)
                yield run
    finally:
        unspent = ([left] if left else []) + list(leases.close())
        try:
            store.hand_back(record.name, unspent)
            leases.record_hand_back(unspent)
        except StoreError as error:
            # The numbers that were written are valid all the same.
            click.echo(f"Warning: unspent serials are lost: {error}", err=True)
