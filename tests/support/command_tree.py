"""Every command of this service, as help offers it."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask

from tracking_service.__main__ import main
from tracking_service.app import create_app
from tracking_service.settings import Settings


def app_without_database() -> Flask:
    """The whole app, over a database that is nowhere: what only lists and helps needs none."""
    return create_app(Settings(database_url="sqlite:////nowhere/at/all.sqlite3"))


def commands() -> dict[str, click.Command]:
    """Every group and command by what is typed for it, but for those that help hides."""
    return {
        typed: each for name, root in main.commands.items() for typed, each in _under(name, root)
    }


def _under(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if command.hidden:
        return
    yield typed, command
    if isinstance(command, click.Group):
        # Not `commands`: a group may find its commands only when it is asked for them.
        context = click.Context(command)
        for name in command.list_commands(context):
            if (each := command.get_command(context, name)) is not None:
                yield from _under(f"{typed} {name}", each)
