"""Runs `flask` commands as a user does: in a process of its own, from the project's folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "HOST", "PORT")
PREFIXES = ("TRACKING_", "FLASK_", "PG")

# Removed by itself when the tests end.
_state = tempfile.TemporaryDirectory(prefix="tracking-state-")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of the service, and none of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(PREFIXES)
    }
    url = settings.get("DATABASE_URL", "")
    if url and not url.startswith("sqlite"):
        settings.setdefault("TRACKING_STATE_DIR", state_dir(url))
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def state_dir(url: str) -> str:
    """A state folder of this database's own.

    Databases that were copied from one template have one key, and so one name among high-water
    marks: in a folder that they shared each would look to the others as if it had gone backwards.
    """
    return str(Path(_state.name) / hashlib.sha256(url.encode()).hexdigest()[:16])


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
