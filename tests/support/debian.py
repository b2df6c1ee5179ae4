"""Programs of Debian's packages, which the system tests run and no wheel carries."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# A user's PATH leaves these out.
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])


def program(name: str, *, package: str) -> str:
    """The path of a program. RuntimeError, which says what to install, where it is missing."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        raise RuntimeError(f"{name} is missing: install Debian's package {package}")
    return found


def postgres_folder() -> Path:
    """Where the newest of Debian's PostgreSQL has its programs."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = max(folders, key=lambda path: int(path.parts[-3]), default=None)
    if found is None:
        raise RuntimeError("postgres is missing: install Debian's package postgresql")
    return found.parent
