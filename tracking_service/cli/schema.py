"""`flask db`: Flask-Migrate's group. Help lists what an operator uses; the rest still runs.

Flask-Migrate and Alembic are imported when the group is used. A server does without them: they are
a fifth of its start, and 11 MiB of each worker.

The entry point `flask.commands` in setup.cfg names this module, because otherwise `flask` takes the
group from Flask-Migrate without loading the app.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import click
from flask import Flask, current_app

from tracking_service.cli.options import HELP_NAMES
from tracking_service.cli.output import confirm, standard_output, yes_option
from tracking_service.container import services_of
from tracking_service.installation import MIGRATIONS

_OFFERED = {
    "upgrade": "Bring the schema to head, or to REVISION; safe to run from many hosts at once.",
    "downgrade": "Take the schema back to REVISION; its migration says what that loses.",
    "current": "Show the revision that the schema is at.",
    "history": "List every revision, the newest first.",
}
_FOR_DEVELOPERS = {"directory", "x_arg", "sql", "tag"}


class SchemaGroup(click.Group):
    """Stands for Flask-Migrate's group until that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return _group().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _group().get_command(ctx, cmd_name)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Make a context of the group that this one stands for, which then runs."""
        return _group().make_context(info_name, args, parent, **extra)


db = SchemaGroup("db", help="Bring the database's schema to the revision that this version needs.")


def prepare_migrations(app: Flask) -> None:
    """Tell Flask-Migrate where the migrations are, and give it the database for them."""
    from flask_migrate import Migrate

    # It passes the database to migrations/env.py, and does nothing else with it.
    Migrate(app, services_of(app).database, directory=str(MIGRATIONS))  # type: ignore[arg-type]
    # In place of its own group.
    app.cli.add_command(db)


@cache
def _group() -> click.Group:
    from flask_migrate.cli import db as group

    group.help = db.help
    group.context_settings.update(HELP_NAMES)
    for name, command in group.commands.items():
        command.hidden = name not in _OFFERED
        command.help = _OFFERED.get(name, command.help)
        _prepare_first(command)
    for command in (group, *group.commands.values()):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name in _FOR_DEVELOPERS:
                parameter.hidden = True
    _ask_first(group.commands["downgrade"])
    _check_output(group.commands["current"])
    _check_output(group.commands["history"])
    return cast(click.Group, group)


def _prepare_first(command: click.Command) -> None:
    """Let a command prepare the app that its group has loaded."""
    migrate = cast(Callable[..., object], command.callback)

    def run(**options: object) -> object:
        prepare_migrations(current_app)
        return migrate(**options)

    command.callback = run


def _ask_first(command: click.Command) -> None:
    """Let a command that deletes data ask first."""
    downgrade = cast(Callable[..., object], command.callback)

    def ask(*, yes: bool, revision: str, **options: object) -> object:
        confirm(
            f"This takes the schema back to {revision} and deletes what only newer versions record.",
            yes=yes,
        )
        return downgrade(revision=revision, **options)

    command.callback = ask
    yes_option(command)


def _check_output(command: click.Command) -> None:
    """Let a command fail if its output cannot be written."""
    show = cast(Callable[..., object], command.callback)

    def run(**options: object) -> object:
        with standard_output():
            return show(**options)

    command.callback = run
