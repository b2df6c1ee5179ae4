"""`flask series successor` and `close`: what takes over from a series, and the end of one."""

import click

from tracking_service.cli.context import with_database
from tracking_service.cli.options import SERIES
from tracking_service.cli.output import (
    confirm,
    format_time,
    json_option,
    print_json,
    print_text,
    yes_option,
)
from tracking_service.container import Services
from tracking_service.errors import InvalidSeriesError
from tracking_service.instance.number_spaces import DEFAULT_SERIES
from tracking_service.instance.succession import NOTICE_SECONDS


@click.command()
@click.argument("name", type=SERIES)
@click.argument("successor", type=SERIES, required=False)
@click.option("--none", "none", is_flag=True, help="Name none: a successor that was named is not.")
@json_option
@with_database
def successor(
    services: Services, name: str, successor: str | None, none: bool, as_json: bool
) -> None:
    """Have those who ask for NAME get numbers of SUCCESSOR, once NAME has no serials left.

    Running instances know it within seconds. A circle is refused, and a successor that takes other
    shipments than NAME does.
    """
    if (successor is None) != none:
        raise click.UsageError("give one of SUCCESSOR and --none")
    services.series.set_successor(name, successor)
    if as_json:
        print_json({"name": name, "successor": successor})
    elif successor is None:
        print_text(f"{name} has no successor")
    else:
        print_text(f"{name} is followed by {successor}")


@click.command()
@click.argument("name", type=SERIES)
@yes_option
@json_option
@with_database
def close(services: Services, name: str, yes: bool, as_json: bool) -> None:
    """Close the series NAME for ever; for example one that was made by mistake.

    Its numbers go on to verify, and none of its other serials is ever used.
    """
    record = services.series.find(name)
    if name == DEFAULT_SERIES:
        raise InvalidSeriesError(
            f"{name} cannot be closed: it is what those get who name no series. It may have a"
            " successor"
        )
    if record.closed_at is None:
        then = f"get numbers of {record.successor}" if record.successor else "are refused"
        confirm(
            f"This closes {name} for ever: its {record.remaining:,} serials that are left are never"
            f" used, and within some {NOTICE_SECONDS:.0f} seconds those who ask for it {then}.",
            yes=yes,
        )
    services.series.close(name)
    closed_at = format_time(services.series.find(name).closed_at)
    if as_json:
        print_json({"name": name, "closed_at": closed_at})
    else:
        print_text(f"{name} is closed since {closed_at}")
