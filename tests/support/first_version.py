"""The first version, 0.1.0: its wheel, and a dump of a database that it used, of each kind.

The dumps were made at its schema, 0004, from a database each: what `series create` and `numbers
mint` did there, and the numbers that they printed.
"""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.instance import Instance
from tests.support.ports import HOST

FOLDER = Path(__file__).parent / "first_version"
VERSION = "0.1.0"

# As `tracking-service serve` there, where this environment's own program is the present one.
SERVE = (sys.executable, "-m", "tracking_service", "serve", "--host", HOST, "--port", "{port}")


@dataclass(frozen=True)
class FirstDatabase:
    """A database as that version left it, and what is known of it."""

    url: str
    facts: dict[str, Any]

    @property
    def issued(self) -> dict[str, str]:
        """Every number that was issued from it, with its series."""
        return {
            number: series
            for series, numbers in self.facts["issued"].items()
            for number in numbers.split()
        }


def dump(kind: str) -> str:
    """The SQL that makes such a database; `kind` is sqlite or postgresql."""
    return (FOLDER / f"{kind}.sql").read_text(encoding="utf-8")


def facts(kind: str) -> dict[str, Any]:
    """What is known of it: the numbers issued, the serials of some, the ranges of its series."""
    known: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return known


def install(folder: Path) -> Path:
    """Unpack the wheel in `folder`, and return it; an interpreter that has it in PYTHONPATH runs
    that version.
    """
    with zipfile.ZipFile(FOLDER / f"tracking_service-{VERSION}-py3-none-any.whl") as wheel:
        wheel.extractall(folder)
    return folder


def instance(url: str, installed: Path, *, state_dir: Path) -> Instance:
    """An instance of that version, not yet started."""
    env = {"DATABASE_URL": url, "TRACKING_STATE_DIR": str(state_dir), "PYTHONPATH": str(installed)}
    return Instance(env, command=SERVE, folder=installed)
