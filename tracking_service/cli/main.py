"""All commands as one program, which works from any folder.

In a checkout, `flask` has the same commands, with Flask's own help text and options.
"""

import sys
from collections.abc import Callable
from typing import Any

import click
from flask import Flask
from flask.cli import ScriptInfo

from tracking_service import __version__
from tracking_service.cli.blocks import blocks
from tracking_service.cli.keys import keys
from tracking_service.cli.numbers import numbers
from tracking_service.cli.options import HELP_NAMES
from tracking_service.cli.output import discard_output, unwritable_output
from tracking_service.cli.schema import db
from tracking_service.cli.series import series
from tracking_service.cli.serve import serve
from tracking_service.cli.succession import close, successor
from tracking_service.cli.transfer import export_, import_, reopen
from tracking_service.errors import SettingsError

for verb in (successor, close, export_, import_, reopen):
    series.add_command(verb)

COMMANDS: tuple[click.Command, ...] = (serve, db, series, numbers, blocks, keys)


class Program(click.Group):
    """The program. `create_app` makes the app when a command needs it.

    Not a FlaskGroup, which makes the app to print help, so that wrong settings would prevent it,
    and lets Flask's plug-ins replace commands.
    """

    def __init__(self, create_app: Callable[[], Flask]) -> None:
        super().__init__(
            "tracking-service",
            help="Issue tracking numbers that are unique for ever, from any number of servers.",
            context_settings=HELP_NAMES,
        )
        self._create_app = create_app
        click.version_option(__version__)(self)
        for command in COMMANDS:
            self.add_command(command)

    def main(self, *arguments: Any, **extra: Any) -> Any:
        """Run; report in one line if help cannot be written, as commands do for their data."""
        try:
            return super().main(*arguments, **extra)
        except OSError as error:
            if error.filename is not None:
                raise
            discard_output()
            unwritable_output(error).show()
            sys.exit(1)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Give Flask's `with_appcontext` the app."""
        script = ScriptInfo(create_app=self._load, set_debug_flag=False)
        return super().make_context(info_name, args, parent, **{"obj": script, **extra})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which an operator needs them."""
        return list(self.commands)

    def _load(self) -> Flask:
        try:
            return self._create_app()
        except SettingsError as error:
            raise click.ClickException(str(error)) from error
