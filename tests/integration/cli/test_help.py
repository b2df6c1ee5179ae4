"""Every command says what it does and how it is used, and fails as every other does."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from flask import Flask

from tests.support.answers import Run
from tracking_service.cli import register_commands

# Ours; `run`, `shell` and `routes` are Flask's, `db` is Flask-Migrate's.
GROUPS = ("serve", "blocks", "series", "numbers")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every group and command of this service, by what is typed for it."""
    app = Flask("none")
    register_commands(app)
    for name in GROUPS:
        yield from under(name, app.cli.commands[name])


def under(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield typed, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from under(f"{typed} {name}", each)


COMMANDS = dict(commands())


# Those of them that print data.
PRINT_DATA = (
    "blocks lease",
    "blocks list",
    "blocks show",
    "series create",
    "series list",
    "series show",
    "series skip",
    "numbers inspect",
)


@pytest.mark.parametrize("typed", COMMANDS)
def test_help_says_what_a_command_does(typed: str) -> None:
    command = COMMANDS[typed]
    help_text = command.help or ""

    assert len(help_text) > 15
    assert help_text.splitlines()[0].endswith((".", ":"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{typed} {parameter.opts[0]} says nothing of itself"
        else:
            # An argument has no help of its own: the command's names it.
            assert (parameter.metavar or (parameter.name or "").upper()) in help_text


@pytest.mark.parametrize("typed", COMMANDS)
def test_help_is_printed_without_a_database(typed: str) -> None:
    app = Flask("none")
    register_commands(app)
    result = app.test_cli_runner().invoke(args=[*typed.split(), "--help"])

    assert 0 == result.exit_code
    assert result.stdout.startswith("Usage: ")
    assert "" == result.stderr


@pytest.mark.parametrize("typed", PRINT_DATA)
def test_what_prints_data_prints_json_too(typed: str) -> None:
    assert "--json" in {opt for each in COMMANDS[typed].params for opt in each.opts}


@pytest.mark.parametrize(
    "typed",
    [
        "blocks lease --count 0",
        "blocks list --limit none",
        "blocks show",
        "blocks show zero",
        "blocks show 0",
        "blocks spend",
        "series create x",
        "series create x --format none",
        "series create x --format routed --block-size 0",
        "series skip default",
        "series skip default --to 5 --by 5",
        "series skip default --by 0",
        "numbers mint --origin MY --destination ID",
        "numbers mint --origin my --destination ID --count 1",
        "numbers mint --origin MY --destination XX --count 1",
        "numbers mint --origin MY --destination ID --count 0",
        "serve --port 65536",
        "serve --threads 0",
    ],
)
def test_wrong_usage_exits_2_and_says_how_it_is_used(sqlite_app: Flask, typed: str) -> None:
    result = sqlite_app.test_cli_runner().invoke(args=typed.split())

    assert 2 == result.exit_code
    assert "" == result.stdout
    assert result.stderr.startswith("Usage: ")
    assert 1 == result.stderr.count("\nError: ")


@pytest.mark.parametrize(
    "typed, message",
    [
        ("blocks lease --series nothing", "there is no series named 'nothing'"),
        ("blocks list --series nothing", "there is no series named 'nothing'"),
        ("blocks show 99", "there is no block 99"),
        ("series show nothing", "there is no series named 'nothing'"),
        ("series skip nothing --by 1", "there is no series named 'nothing'"),
        ("series skip default --to 0", "cannot skip to 0"),
        ("series create default --format routed", "there is a series named default already"),
        ("series create UPPER --format routed", "1 to 32 of a-z, 0-9 and hyphens"),
        ("series create x --format s10", "takes a service and a country"),
        ("series create x --format routed --country MY", "takes no country"),
        ("series create x --format s10 --service JA --country MY", "reserved"),
        ("series create x --format s10 --service RA --country XX", "ISO 3166-1"),
        ("series create x --format routed --serials 10000000000001", "has 10000000000000 at most"),
        ("numbers inspect MYID", "no format writes numbers of this shape"),
        ("numbers inspect RA123456785MY", "No such tracking number has been issued"),
        ("numbers inspect RA123456784MY", "check digit does not match"),
        (
            "numbers mint --origin MY --destination ID --count 1 --series nothing",
            "there is no series named 'nothing'",
        ),
    ],
)
def test_what_cannot_be_done_exits_1_with_one_line(refuse: Run, typed: str, message: str) -> None:
    assert message in refuse(*typed.split()).stderr
