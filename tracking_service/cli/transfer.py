"""`flask series export`, `import` and `reopen`: move every series to another database."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TextIO

import click

from tracking_service.cli.context import with_database
from tracking_service.cli.files import secret_file
from tracking_service.cli.options import OUTPUT
from tracking_service.cli.output import confirm, standard_output, yes_option
from tracking_service.container import Services
from tracking_service.store import transfer

STANDARD = Path("-")
"""The argument that stands for standard output or input."""


@click.command("export")
@click.option(
    "--output",
    required=True,
    type=OUTPUT,
    help="A new file, which only you may read; - is standard output.",
)
@with_database
def export_(services: Services, output: Path) -> None:
    """Write every series to a file for `flask series import` elsewhere, and seal it here.

    This database leases nothing new after that. Instances go on with what they hold.
    """
    if output == STANDARD and sys.stdout is not None and sys.stdout.isatty():
        raise click.ClickException("the export holds secret keys, and this is a terminal")
    with standard_output() if output == STANDARD else secret_file(output) as file:
        counts = transfer.export(
            services.database,
            lambda line: file.write(line.encode()),
            keep=lambda: _keep(file, on_disk=output != STANDARD),
        )
    click.echo(f"exported: {_format_counts(counts)}", err=True)
    click.echo(
        "The export holds the keys of your numbers: keep it secret, and delete it when it is"
        " imported. Every series is sealed here; `flask series reopen` removes the seal.",
        err=True,
    )


@click.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@with_database
def import_(services: Services, file: TextIO) -> None:
    """Put the series of the export FILE into this fresh database; - is standard input.

    No instance may run on it yet, or numbers repeat. PostgreSQL notices one that runs; on SQLite
    stop every instance first. Import an export only once, into one database.
    """
    try:
        counts = transfer.import_(services.database, file)
    except UnicodeDecodeError as error:
        raise click.ClickException("the export is damaged: it is no UTF-8") from error
    click.echo(f"imported: {_format_counts(counts)}", err=True)


@click.command()
@yes_option
@with_database
def reopen(services: Services, yes: bool) -> None:
    """Remove the seal that an export set, if it was never imported."""
    confirm(
        "Reopening is safe only if the export was never imported; otherwise numbers will repeat.",
        yes=yes,
    )
    names = transfer.reopen(services.database)
    click.echo(f"reopened: {', '.join(names) or 'no series had any serials left'}", err=True)


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _keep(file: IO[bytes], *, on_disk: bool) -> None:
    """Return when the data is on the disk, or has been written to a pipe."""
    file.flush()
    if on_disk:
        os.fsync(file.fileno())
