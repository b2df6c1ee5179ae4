"""The commands as a program of its own, and as `flask` has them in a checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from flask import Flask

from tests.support.answers import assert_one_line
from tests.support.commands import ROOT, environment
from tracking_service import __version__
from tracking_service.__main__ import main
from tracking_service.cli.main import Program
from tracking_service.errors import SettingsError

COMMANDS = ["serve", "db", "series", "numbers", "blocks", "keys"]
HIDDEN = {"run", "shell", "routes", "init", "migrate", "merge", "revision", "stamp"}
FLASK = Path(sys.executable).with_name("flask")


def offered(help_text: str) -> list[str]:
    """The commands that a help text lists."""
    return [
        line.split()[0]
        for line in help_text.partition("\nCommands:\n")[2].splitlines()
        if line.startswith("  ") and line[2] != " "
    ]


def run(*words: str, folder: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_opens_with_what_the_service_is_for_and_offers_its_commands(option: str) -> None:
    shown = CliRunner().invoke(main, [option]).stdout

    assert "Issue tracking numbers" in shown.splitlines()[2]
    assert COMMANDS == offered(shown)


def test_help_needs_no_settings(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tracking_service"]
    shown = run(*words, "--help", folder=tmp_path, TRACKING_NONE_SUCH="1")
    refused = run(*words, "series", "list", folder=tmp_path, TRACKING_NONE_SUCH="1")

    assert (0, COMMANDS) == (shown.returncode, offered(shown.stdout))
    assert (1, "") == (refused.returncode, refused.stdout)
    assert_one_line(refused.stderr)
    assert "TRACKING_NONE_SUCH" in refused.stderr


def test_the_version_is_the_services_own() -> None:
    assert f"tracking-service, version {__version__}\n" == (
        CliRunner().invoke(main, ["--version"], prog_name="tracking-service").stdout
    )


@pytest.mark.parametrize(
    "words", [["series"], ["db"], ["db", "upgrade"], ["keys", "create"], ["serve"]]
)
def test_h_is_help_on_every_level(words: list[str]) -> None:
    helped = CliRunner().invoke(main, [*words, "-h"])

    assert 0 == helped.exit_code
    assert CliRunner().invoke(main, [*words, "--help"]).stdout == helped.stdout


def test_flask_in_a_checkout_offers_the_same_commands() -> None:
    shown = run(str(FLASK), "--help").stdout

    assert sorted(COMMANDS) == offered(shown)


def test_the_schema_group_offers_what_an_operator_uses() -> None:
    for words in ([str(FLASK)], [sys.executable, "-m", "tracking_service"]):
        assert ["current", "downgrade", "history", "upgrade"] == offered(
            run(*words, "db", "--help").stdout
        )


def test_what_is_not_offered_still_runs() -> None:
    assert 0 == run(str(FLASK), "db", "heads").returncode


@pytest.mark.parametrize(
    "words, typed, expected",
    [
        (["series", "show"], "", ["air", "default"]),
        (["series", "skip"], "a", ["air"]),
        (["numbers", "mint", "--series"], "d", ["default"]),
        (["blocks", "list", "--series"], "x", []),
        (["keys", "create", "shop", "--series"], "ai", ["air"]),
    ],
)
def test_a_series_name_completes(
    sqlite_app: Flask, words: list[str], typed: str, expected: list[str]
) -> None:
    sqlite_app.test_cli_runner().invoke(args=["series", "create", "air", "--format", "routed"])
    shell = ShellComplete(Program(lambda: sqlite_app), {}, "tracking-service", "_COMPLETE")

    assert expected == [each.value for each in shell.get_completions(words, typed)]


def test_completion_says_nothing_where_the_database_is_away() -> None:
    def refuse() -> Flask:
        raise SettingsError("DATABASE_URL is not a database URL")

    shell = ShellComplete(Program(refuse), {}, "tracking-service", "_COMPLETE")
    done = run(
        str(FLASK),
        DATABASE_URL="sqlite:////nowhere/at/all.sqlite3",
        _FLASK_COMPLETE="bash_complete",
        COMP_WORDS="flask series show ",
        COMP_CWORD="3",
    )

    assert [] == shell.get_completions(["series", "show"], "")
    assert ("", "") == (done.stdout.strip(), done.stderr)
