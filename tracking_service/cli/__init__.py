"""The `flask` commands: noun group, verb command."""

from flask import Flask

from tracking_service.cli.blocks import blocks
from tracking_service.cli.keys import keys
from tracking_service.cli.moving import export_, import_, reopen
from tracking_service.cli.numbers import numbers
from tracking_service.cli.series import series
from tracking_service.cli.serve import serve


def register_commands(app: Flask) -> None:
    """Add every command of this service to `app`."""
    for command in (serve, blocks, keys, series, numbers):
        app.cli.add_command(command)
    for verb in (export_, import_, reopen):
        series.add_command(verb)
