"""Every command that `flask` has of this service, as the app itself lists them."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask

from tracking_service.app import create_app
from tracking_service.settings import Settings


def app_without_database() -> Flask:
    """The whole app, over a database that is nowhere: what only lists and helps needs none."""
    return create_app(Settings(database_url="sqlite:////nowhere/at/all.sqlite3"))


def commands() -> dict[str, click.Command]:
    """Every group and command by what is typed for it; of Flask-Migrate's `db`, `upgrade` alone.

    The others of `db` are for who writes migrations; `run`, `shell` and `routes` are Flask's own
    and no commands of the app.
    """
    found: dict[str, click.Command] = {}
    for name, command in app_without_database().cli.commands.items():
        found.update(_under(name, command))
    return {
        typed: command
        for typed, command in found.items()
        if not typed.startswith("db ") or typed == "db upgrade"
    }


def _under(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield typed, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _under(f"{typed} {name}", each)
