"""The commands: a noun is a group, a verb is a command. `main.py` is the program of them all."""

from flask import Flask
from flask.cli import routes_command, run_command, shell_command

from tracking_service.cli.main import COMMANDS


def register_commands(app: Flask) -> None:
    """Add every command to `app`, for the `flask` command."""
    for command in COMMANDS:
        app.cli.add_command(command)
    for command in (routes_command, run_command, shell_command):
        # Flask's own commands still run, but help does not list them.
        command.hidden = True
