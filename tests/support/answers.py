"""How a command answers: with JSON; or with exit code 1 and one line on standard error."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from click.testing import Result

from tests.support.commands import flask

Run = Callable[..., Result]


def data(result: Result) -> Any:
    """What a command printed with --json."""
    return json.loads(result.stdout)


def assert_one_line(stderr: str) -> None:
    (line,) = stderr.splitlines()
    assert line.startswith("Error: ")
    assert len(line) > len("Error: ")


def fails(
    *arguments: str, env: Mapping[str, str], seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, and expect it to fail so."""
    done = flask(*arguments, env=env, seconds=seconds)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert_one_line(done.stderr)
    return done
