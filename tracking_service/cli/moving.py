"""`flask series export`, `import` and `reopen`: move every series to another database."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from tracking_service.cli.context import Backstage, with_database
from tracking_service.store import transfer

STANDARD = Path("-")
"""How standard output and input are written among the arguments."""


@click.command("export")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, which only you may read; - is standard output.",
)
@with_database
def export_(backstage: Backstage, output: Path) -> None:
    """Write every series to a file, and seal it here: for `flask series import` elsewhere.

    This database leases nothing new from then on. Instances go on with what they hold.
    """
    with _opened(output) as file:
        counts = transfer.export(
            backstage.database, file.write, keep=lambda: _keep(file), now=datetime.now(UTC)
        )
    click.echo(f"exported: {_told(counts)}", err=True)
    click.echo(
        "The export holds the keys of your numbers: keep it secret, and delete it when it is"
        " imported. Every series is sealed here; `flask series reopen` takes that back.",
        err=True,
    )


@click.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@with_database
def import_(backstage: Backstage, file: TextIO) -> None:
    """Put the series of the export FILE into this fresh database; - is standard input.

    No instance may run on it yet, or numbers repeat. One that does is noticed on PostgreSQL; on
    SQLite stop every instance first. Import an export once only, into one database.
    """
    try:
        counts = transfer.import_(backstage.database, file)
    except UnicodeDecodeError as error:
        raise click.ClickException("the export is damaged: it is no UTF-8") from error
    click.echo(f"imported: {_told(counts)}", err=True)


@click.command()
@click.confirmation_option(
    prompt=(
        "Reopening is safe only if the export was never imported; otherwise numbers will repeat."
        " Reopen?"
    )
)
@with_database
def reopen(backstage: Backstage) -> None:
    """Take back the seal that an export set, where it was never imported."""
    names = transfer.reopen(backstage.database)
    click.echo(f"reopened: {', '.join(names) or 'no series had any serials left'}", err=True)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


@contextmanager
def _opened(output: Path) -> Iterator[TextIO]:
    """A new file of mode 0600, removed where it is not finished; or standard output."""
    if output == STANDARD:
        if sys.stdout.isatty():
            raise click.ClickException("the export holds secret keys, and this is a terminal")
        yield sys.stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException(f"{output} exists already, and is left as it is") from None
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException as error:
        output.unlink(missing_ok=True)
        if isinstance(error, OSError):
            message = f"{output} cannot be written: {error.strerror}"
            raise click.ClickException(message) from error
        raise


def _keep(file: TextIO) -> None:
    """Return when what was written to a file is on the disk, or with the reader of a pipe."""
    file.flush()
    if file is not sys.stdout:
        os.fsync(file.fileno())
