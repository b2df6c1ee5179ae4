"""README's tables of settings and commands have what the code has, no more and no less."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import click
import pytest

from tests.support.command_tree import commands
from tests.support.commands import ROOT
from tracking_service.settings import Settings, format_bound, format_range

QUOTED = re.compile(r"`([^`]+)`")
SETTINGS = {each.metadata["env"]: each for each in dataclasses.fields(Settings)}


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of README, without its own heading."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def rows_of_settings() -> dict[str, list[str]]:
    """The cells behind each variable: default, range, meaning."""
    return {variable.strip("`"): cells for variable, *cells in table("Settings")}


def range_of(setting: dataclasses.Field[Any]) -> str:
    """The range of a setting, as the table writes it."""
    if "least" in setting.metadata:
        return format_range(setting)
    choices = setting.metadata.get("choices", ())
    if isinstance(setting.default, bool):
        choices = ("on", "off")
    return ", ".join(f"`{choice}`" for choice in choices)


def default_of(setting: dataclasses.Field[Any]) -> str:
    """The default of a setting, as its variable would be written."""
    default: Any = setting.default
    if isinstance(default, bool):
        return "on" if default else "off"
    return default if isinstance(default, str) else format_bound(default)


def test_the_settings_are_those_of_the_code() -> None:
    variables = [cells[0] for cells in table("Settings")]

    assert sorted(f"`{env}`" for env in SETTINGS) == sorted(variables)


@pytest.mark.parametrize("env", SETTINGS)
def test_a_setting_has_its_default_and_its_range(env: str) -> None:
    setting = SETTINGS[env]
    default, bounds, meaning = rows_of_settings()[env]

    assert range_of(setting) == bounds
    assert meaning
    if default_of(setting):
        assert f"`{default_of(setting)}`" == default
    else:
        # What stands for it depends, and is said in words.
        assert re.match(r"[a-z]+ ", default)


def test_the_commands_are_those_of_the_app() -> None:
    named: list[str] = []
    for cell, _ in table("Commands"):
        first, *verbs = QUOTED.findall(cell)
        program, *typed = first.split()
        assert "flask" == program
        named += [" ".join(typed), *(f"{typed[0]} {verb}" for verb in verbs)]
    leaves = [typed for typed, each in commands().items() if not isinstance(each, click.Group)]

    assert sorted(leaves) == sorted(named)


def test_the_options_of_serve_are_those_of_the_app() -> None:
    (said,) = (meaning for cell, meaning in table("Commands") if cell == "`flask serve`")
    options = [parameter.opts[0] for parameter in commands()["serve"].params]

    assert sorted(options) == sorted(QUOTED.findall(said))
