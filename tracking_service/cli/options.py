"""Options and arguments that several commands share."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from flask.cli import ScriptInfo

from tracking_service.container import services_of
from tracking_service.errors import SettingsError, TrackingServiceError
from tracking_service.settings import Settings, format_bound, format_range, parse

Command = TypeVar("Command", bound=Callable[..., Any])

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
"""Context settings of a command, which its subcommands inherit."""

OUTPUT = click.Path(dir_okay=False, readable=False, path_type=Path)
"""A file to write. Not `readable`: click would check the rights of the real user, and
`sudo tracking-service` writes with others."""


class SeriesName(click.ParamType[str]):
    """The name of a series, completed from the database; its existence is not checked."""

    name = "series"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the series that begin with `incomplete`; none if they cannot be read."""
        del param
        try:
            app = ctx.find_root().ensure_object(ScriptInfo).load_app()
            records = services_of(app).series.all()
        except (TrackingServiceError, click.ClickException):
            # A message would appear in the middle of the command line.
            return []
        return [
            CompletionItem(record.name, help=record.pattern.text)
            for record in records
            if record.name.startswith(incomplete)
        ]


SERIES = SeriesName()


def setting_option(name: str) -> Callable[[Command], Command]:
    """Add the option `--NAME`, which overrides the setting of that name."""
    (setting,) = (each for each in dataclasses.fields(Settings) if each.name == name)
    default: Any = setting.default
    text, metavar = setting.metadata["help"], "TEXT"
    if "least" in setting.metadata:
        text, metavar = f"{text}; {format_range(setting)}", "NUMBER"
        default = format_bound(default)

    def parsed(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            return parse(setting, value)
        except SettingsError as error:
            raise click.BadParameter(str(error)) from error

    return click.option(
        f"--{name}",
        callback=parsed,
        metavar=metavar,
        help=f"{text[0].upper()}{text[1:]}.  [default: {setting.metadata['env']} or {default}]",
    )
