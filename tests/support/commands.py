"""Runs `flask` commands as a user does: in a process of its own, from the project's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "HOST", "PORT")
PREFIXES = ("TRACKING_", "FLASK_", "PG")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of the service, and none of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(PREFIXES)
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def flask(
    *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run `flask ARGUMENTS` with these settings to its end, whatever its exit code.

    Raises subprocess.TimeoutExpired after `seconds`.
    """
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def migrate(url: str) -> None:
    """Bring the database at `url` to head with the real command; RuntimeError where it fails."""
    done = flask("db", "upgrade", env={"DATABASE_URL": url})
    if done.returncode:
        raise RuntimeError(f"flask db upgrade ended with {done.returncode}:\n{done.stderr}")
