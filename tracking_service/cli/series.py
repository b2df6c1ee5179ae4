"""`flask series`: make, list and skip series."""

from typing import Any

import click

from tracking_service.cli.context import with_database, with_services
from tracking_service.cli.options import HELP_NAMES, SERIES
from tracking_service.cli.output import (
    confirm,
    format_time,
    json_option,
    print_facts,
    print_json,
    print_table,
    print_text,
    yes_option,
)
from tracking_service.cli.patterns import pattern_of, pattern_options
from tracking_service.clock import wall_time
from tracking_service.container import Services
from tracking_service.errors import InvalidSeriesError
from tracking_service.instance.number_spaces import SERIES_NAME
from tracking_service.instance.process import instance_name
from tracking_service.numbering.builtin import (
    FORMER_ROUTED,
    ROUTED,
    built_in_name,
    default_block_size,
    default_serials,
)
from tracking_service.numbering.preview import MODULE_MM, preview, preview_facts
from tracking_service.records import SeriesRecord
from tracking_service.store.blocks import BlockStore

_COLUMNS = (
    *("name", "pattern", "alphabet", "block_size", "leased", "remaining", "used", "successor"),
    "warning",
)
_NEARLY = 0.9


@click.group(context_settings=HELP_NAMES)
def series() -> None:
    """Make series of tracking numbers, and show how much of them is left."""


@series.command()
@click.argument("name")
@pattern_options
@click.option(
    "--block-size",
    type=click.IntRange(1, 1_000_000),
    help="Serials in a block.  [default: 10,000; less where serials are few]",
)
@click.option(
    "--serials",
    type=click.IntRange(1, 2**63 - 1),
    help="Serials in all; other series of the same pattern may have the rest.  [default: all that"
    " it can write, up to ten trillion]",
)
@json_option
@with_database
def create(
    services: Services,
    /,
    name: str,
    block_size: int | None,
    serials: int | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Make the series NAME: 1 to 32 of a-z, 0-9 and hyphens.

    How its numbers look cannot be changed afterwards. Running instances find it at the first
    request for it.
    """
    if SERIES_NAME.fullmatch(name) is None:
        raise InvalidSeriesError("a series' name is 1 to 32 of a-z, 0-9 and hyphens")
    pattern = pattern_of(**given)
    if pattern == ROUTED and any(
        space.pattern == FORMER_ROUTED for space in services.series.spaces()
    ):
        # A database of the first version, in which this is what `routed` means.
        pattern = FORMER_ROUTED
    most = default_serials(pattern)
    if serials is not None and serials > most:
        raise InvalidSeriesError(f"a series of the pattern {pattern.text} has {most} at most")
    serials = serials or most
    record = services.series.create(
        name,
        pattern=pattern,
        serials=serials,
        block_size=block_size or default_block_size(pattern, serials),
    )
    print_facts(_row(record), as_json=as_json)


@series.command("preview")
@pattern_options
@json_option
@with_services
def preview_series(_services: Services, /, as_json: bool, **given: str | None) -> None:
    """Show what numbers of a pattern look like, before a series is made of it.

    The examples are written under a key that no series has.
    """
    pattern = pattern_of(**given)
    described = preview(pattern, wall_time())
    facts = {**pattern.options, **preview_facts(described)}
    if as_json:
        print_json(facts)
        return
    inventions = described.inventions
    print_facts(
        {
            **facts,
            "examples": " ".join(described.examples),
            "numbers": f"{described.numbers:,}",
            "invented_per_real": (
                "the serial is in the clear: whoever has seen one knows others"
                if inventions is None
                else f"one in {inventions:,.0f} is real, when a million are issued"
            ),
            "check_catches": described.catches or "nothing: there is no check character",
            "barcode_modules": f"{described.barcode_modules} at the most, with quiet zones",
            "barcode_mm": f"{described.barcode_mm} at {MODULE_MM} mm a module",
        }
    )


@series.command("list")
@json_option
@with_database
def list_series(services: Services, as_json: bool) -> None:
    """List every series and how much of it is left."""
    rows = [_row(record) for record in services.series.all()]
    print_table(rows, _COLUMNS, as_json=as_json)


@series.command()
@click.argument("name", type=SERIES)
@json_option
@with_database
def show(services: Services, name: str, as_json: bool) -> None:
    """Show the series NAME."""
    print_facts(_row(services.series.find(name)), as_json=as_json)


@series.command()
@click.argument("name", type=SERIES)
@click.option("--to", type=click.IntRange(0, 2**63 - 1), help="The next serial to lease.")
@click.option("--by", type=click.IntRange(1, 2**63 - 1), help="How many serials to leave out.")
@yes_option
@json_option
@with_database
def skip(
    services: Services, name: str, to: int | None, by: int | None, yes: bool, as_json: bool
) -> None:
    """Leave serials of NAME out, for ever; for example after a restore from a backup.

    Tails that were handed back are left out as well, and of an exhausted series these alone. The
    command says how much that is, and asks.
    """
    if (to is None) == (by is None):
        raise click.UsageError("give one of --to and --by")
    record = services.series.find(name)
    end = record.next_serial + by if by is not None else to or 0
    tails_alone = not record.remaining and to in {None, record.end_serial}
    # The store refuses what is out of range.
    if record.next_serial < end <= record.end_serial or tails_alone:
        confirm(_describe_skip(record, end), yes=yes)
    skipped = BlockStore(services.database, instance_name()).skip_to(name, to=to, by=by)
    if as_json:
        start, end = (skipped.start, skipped.end) if skipped else (record.end_serial,) * 2
        print_json({"series": name, "start": start, "end": end})
    elif skipped:
        print_text(f"{name}: serials {skipped.start} to {skipped.end - 1} are left out")
    else:
        print_text(f"{name}: all tails are left out; no other serials are left")


def _describe_skip(record: SeriesRecord, end: int) -> str:
    if not record.remaining:
        return f"This leaves out, for ever, all tails of {record.name} that were handed back."
    count = end - record.next_serial
    percent = 100 * count / record.remaining
    return (
        f"This leaves out, for ever, serials {record.next_serial} to {end - 1} of {record.name}"
        f" ({count:,}, {'less than 0.1' if percent < 0.1 else f'{percent:.1f}'}% of what is left)"
        " and all tails that were handed back."
    )


def _row(record: SeriesRecord) -> dict[str, Any]:
    total = record.end_serial - record.first_serial
    leased = record.next_serial - record.first_serial
    warning = None
    if record.closed_at is not None:
        warning = "closed"
    elif record.successor is not None:
        # It is the successor's serials that count.
        pass
    elif not record.remaining:
        warning = "exhausted"
    elif leased >= _NEARLY * total:
        warning = "nearly exhausted"
    return {
        "name": record.name,
        "format": built_in_name(record.pattern),
        **record.pattern.options,
        "block_size": record.block_size,
        "first_serial": record.first_serial,
        "next_serial": record.next_serial,
        "end_serial": record.end_serial,
        "leased": leased,
        "remaining": record.remaining,
        "used": f"{100 * leased / total:.1f}%",
        "successor": record.successor,
        "warning": warning,
        "created_at": format_time(record.created_at),
        "closed_at": format_time(record.closed_at),
    }
