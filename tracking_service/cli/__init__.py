"""The `flask` commands: noun group, verb command."""

from typing import cast

import click
from flask import Flask

from tracking_service.cli.blocks import blocks
from tracking_service.cli.keys import keys
from tracking_service.cli.moving import export_, import_, reopen
from tracking_service.cli.numbers import numbers
from tracking_service.cli.series import series
from tracking_service.cli.serve import serve


def register_commands(app: Flask) -> None:
    """Add every command of this service to `app`, which has Flask-Migrate's `db` already."""
    for command in (serve, blocks, keys, series, numbers):
        app.cli.add_command(command)
    for verb in (export_, import_, reopen):
        series.add_command(verb)
    upgrade = cast(click.Group, app.cli.commands["db"]).commands["upgrade"]
    # Its own text does not say what an operator asks.
    upgrade.help = "Bring the schema to head, or to REVISION; safe to run from many hosts at once."
