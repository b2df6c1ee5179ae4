"""How commands print, and ask for confirmation."""

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO

import click

from tracking_service.clock import format_utc

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
yes_option = click.option("--yes", is_flag=True, help="Do it without asking; for scripts.")


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Standard output, flushed at the end of the block.

    Raises ClickException if it is closed or a write fails. If the reader has
    gone (`| head`), click itself ends the command with exit code 1 and no message.
    """
    if sys.stdout is None:
        raise click.ClickException("standard output is closed")
    raw = sys.stdout.buffer
    # Under PYTHONUNBUFFERED it is raw, and may write less, as on a disk that is nearly full.
    buffer = io.BufferedWriter(raw) if isinstance(raw, io.RawIOBase) else None
    file = buffer or raw
    try:
        sys.stdout.flush()
        yield file
        file.flush()
    except OSError as error:
        discard_output()
        if error.errno == errno.EPIPE:
            raise
        raise unwritable_output(error) from error
    finally:
        if buffer is not None:
            # Flushes, also after another error.
            buffer.detach()


def discard_output() -> None:
    """Drop unwritten output, which would fail again when the interpreter ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def unwritable_output(error: OSError) -> click.ClickException:
    """Return the error for output that cannot be written."""
    return click.ClickException(f"standard output cannot be written: {error.strerror}")


def print_text(text: str) -> None:
    """Print a line."""
    with standard_output() as file:
        file.write(f"{text}\n".encode(sys.stdout.encoding, "backslashreplace"))


def print_json(data: Any) -> None:
    """Print data as JSON."""
    print_text(json.dumps(data, indent=2))


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool
) -> None:
    """Print these columns of rows, aligned and headed by their names; as JSON, whole rows."""
    if as_json:
        print_json(rows)
        return
    lines = [tuple(columns)]
    lines += [tuple(_cell(row[name]) for name in lines[0]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print_text(
        "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
    )


def print_facts(facts: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print facts, a line each or as JSON."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts))
    print_text("\n".join(f"{name.ljust(width)}  {_cell(facts[name])}" for name in facts))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "-" if value is None else str(value)


def format_time(moment: datetime | None) -> str | None:
    """Return a moment as RFC 3339 in UTC, to the second; None for None."""
    return None if moment is None else format_utc(moment)


def confirm(consequence: str, *, yes: bool) -> None:
    """Print a warning, and ask on the terminal whether to go on; with `yes`, do not ask.

    Raises ClickException if there is no terminal, and Abort if the answer is no.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.ClickException(f"{consequence} Nothing is done without --yes.")
    # Not on standard output, which is for data.
    click.confirm(f"{consequence} Go on?", abort=True, err=True)
