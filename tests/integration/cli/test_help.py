"""Every command says what it does and how it is used, and fails as every other does."""

from __future__ import annotations

import click
import pytest
from flask import Flask

from tests.support.answers import Run
from tests.support.command_tree import app_without_database, commands
from tests.support.numbers import completed

COMMANDS = commands()

# All others print data.
WITHOUT_DATA = {
    "db current",
    "db downgrade",
    "db history",
    "db upgrade",
    "numbers mint",
    "serve",
    "series export",
    "series import",
    "series reopen",
}
PRINT_DATA = [
    typed
    for typed, command in COMMANDS.items()
    if not isinstance(command, click.Group) and typed not in WITHOUT_DATA
]


def help_of(typed: str) -> str:
    """What `flask … --help` prints, its lines joined."""
    result = app_without_database().test_cli_runner().invoke(args=[*typed.split(), "--help"])
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith("Usage: ")
    return " ".join(result.stdout.split())


def test_every_group_is_looked_at() -> None:
    groups = {typed.split()[0] for typed in COMMANDS}

    assert {"blocks", "db", "keys", "numbers", "series", "serve"} == groups
    assert WITHOUT_DATA < set(COMMANDS)


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
            assert (parameter.metavar or (parameter.name or "").upper()) in help_text, typed


@pytest.mark.parametrize("typed", COMMANDS)
def test_help_is_printed_without_a_database(typed: str) -> None:
    first = (COMMANDS[typed].help or "").split("\n\n")[0]

    assert " ".join(first.split()) in help_of(typed)


def test_the_upgrade_says_who_may_run_it() -> None:
    assert "Bring the schema to head" in help_of("db upgrade")
    assert "safe to run from many hosts at once" in help_of("db upgrade")


@pytest.mark.parametrize(
    "option, says",
    [
        ("--host", "[default: HOST or 127.0.0.1]"),
        ("--port", "0 to 65535. [default: PORT or 8000]"),
        ("--threads", "1 to 256. [default: TRACKING_THREADS or 8]"),
    ],
)
def test_an_option_of_serve_says_what_its_setting_is(option: str, says: str) -> None:
    assert says in help_of("serve").partition(f"{option} ")[2]


def test_an_import_says_which_instances_it_does_not_notice() -> None:
    said = help_of("series import")

    assert "SQLite" in said
    assert "stop every instance" in said


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
        ("series skip default --to 0 --yes", "cannot skip to 0"),
        ("series create default --format routed", "there is a series named default already"),
        ("series create UPPER --format routed", "1 to 32 of a-z, 0-9 and hyphens"),
        ("series create x --format s10", "takes a service and a country"),
        ("series create x --format routed --country MY", "takes no country"),
        ("series create x --format s10 --service JA --country MY", "reserved"),
        ("series create x --format s10 --service RA --country XX", "ISO 3166-1"),
        ("series create x --format routed --serials 10000000000001", "has 10000000000000 at most"),
        ("series create x --pattern RAMY{body:12}", "one of the series default"),
        ("series create x --pattern R{body:9} --alphabet digits --check mod-37-36", "no {check}"),
        (
            "series create x --pattern WA{body:8}{check}{origin:MY} --alphabet digits --check s10",
            "the service indicator WA is reserved",
        ),
        ("series create x --pattern XX{origin:XX}{body:9}", "XX is no officially assigned"),
        ("numbers inspect MYID", "no series of this service has numbers of this shape"),
        ("numbers inspect MYID00000000000Z", "check character does not match"),
        (f"numbers inspect {completed('MYID00000000000')}", "No such tracking number has been"),
        (
            "numbers mint --origin MY --destination ID --count 1 --series nothing",
            "there is no series named 'nothing'",
        ),
    ],
)
def test_what_cannot_be_done_exits_1_with_one_line(refuse: Run, typed: str, message: str) -> None:
    assert message in refuse(*typed.split()).stderr
