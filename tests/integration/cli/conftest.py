"""Runs the real commands on a database of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.support.answers import Run, assert_one_line
from tests.support.apps import opened_app


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    with opened_app(database_url, tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def sqlite_app(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """For what is the same on every database."""
    with opened_app(migrated_sqlite_url, tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command in this process and expect it to succeed."""

    def invoke(*arguments: str) -> Result:
        result = app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 0, result.output
        return result

    return invoke


@pytest.fixture
def refuse(app: Flask) -> Run:
    """Run a command in this process and expect it to fail with one line."""

    def invoke(*arguments: str) -> Result:
        result = app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 1, result.output
        assert_one_line(result.stderr)
        assert result.stdout == ""
        return result

    return invoke
