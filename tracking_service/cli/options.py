"""Options that stand for a setting: what they say and what they take is the setting's own."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tracking_service.errors import SettingsError
from tracking_service.settings import Settings, parse, written, written_range

Command = TypeVar("Command", bound=Callable[..., Any])


def setting_option(name: str) -> Callable[[Command], Command]:
    """The option `--NAME` for the setting of that name; it takes what the variable takes."""
    (setting,) = (each for each in dataclasses.fields(Settings) if each.name == name)
    default: Any = setting.default
    text, metavar = setting.metadata["help"], "TEXT"
    if "least" in setting.metadata:
        text, metavar = f"{text}; {written_range(setting)}", "NUMBER"
        default = written(default)

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
