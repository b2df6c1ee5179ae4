"""`flask db`: Flask-Migrate's group. Help lists what an operator uses; the rest still runs.

The entry point `flask.commands` in setup.cfg names this module, because otherwise `flask` takes the
group from Flask-Migrate without loading the app.
"""

from collections.abc import Callable
from typing import cast

import click
from flask_migrate.cli import db as migrate_group

from tracking_service.cli.options import HELP_NAMES
from tracking_service.cli.output import confirm, standard_output, yes_option

_OFFERED = {
    "upgrade": "Bring the schema to head, or to REVISION; safe to run from many hosts at once.",
    "downgrade": "Take the schema back to REVISION; its migration says what that loses.",
    "current": "Show the revision that the schema is at.",
    "history": "List every revision, the newest first.",
}
_FOR_DEVELOPERS = {"directory", "x_arg", "sql", "tag"}

db: click.Group = migrate_group
db.help = "Bring the database's schema to the revision that this version needs."
db.context_settings.update(HELP_NAMES)
for name, command in db.commands.items():
    command.hidden = name not in _OFFERED
    command.help = _OFFERED.get(name, command.help)
for command in (db, *db.commands.values()):
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name in _FOR_DEVELOPERS:
            parameter.hidden = True


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


_ask_first(db.commands["downgrade"])
_check_output(db.commands["current"])
_check_output(db.commands["history"])
