"""The package as one gets it: built from this checkout, and installed where no checkout is in sight."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.commands import ROOT, environment

INSTALL_SECONDS = 300.0


@dataclass(frozen=True)
class Packages:
    """The two files of a release."""

    sdist: Path
    wheel: Path

    @classmethod
    def found_in(cls, folder: Path) -> Self:
        """Return those of a folder that has one release. Raises ValueError."""
        (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
        return cls(sdist, wheel)


@dataclass(frozen=True)
class Environment:
    """A Python environment that has the wheel and what it requires, and nothing else of ours."""

    folder: Path
    elsewhere: Path
    """An empty folder, in which its programs are run."""

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "tracking-service"

    @property
    def site_packages(self) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "venv", base))

    def run(self, *words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment with these settings, whatever its exit code."""
        return _run(words, self.elsewhere, settings, seconds=60.0)


def build(folder: Path) -> Packages:
    """Build both files into `folder`, the wheel from the sdist. Raises RuntimeError."""
    # The sdist is what the wheel is built from: a file that it lacks is missing in both.
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    _succeed(_run(words, ROOT, {"PYTHONWARNINGS": "ignore"}))
    return Packages.found_in(folder)


def install(wheel: Path, folder: Path) -> Environment:
    """Install the wheel, and the pinned versions of what it requires. Raises RuntimeError."""
    made = Environment(folder / "environment", folder / "elsewhere")
    made.elsewhere.mkdir(parents=True)
    venv.create(made.folder, with_pip=True, symlinks=True)
    pip: list[str | Path] = [made.python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    locked: list[str | Path] = [
        "--require-hashes",
        "--no-deps",
        "--requirement",
        ROOT / "requirements" / "run.txt",
    ]
    _succeed(_run([*pip, "install", "--quiet", *locked], made.elsewhere, {}))
    _succeed(_run([*pip, "install", "--quiet", "--no-deps", wheel], made.elsewhere, {}))
    _succeed(_run([*pip, "check"], made.elsewhere, {}))
    return made


def _run(
    words: Iterable[str | Path],
    folder: Path,
    settings: Mapping[str, str],
    *,
    seconds: float = INSTALL_SECONDS,
) -> subprocess.CompletedProcess[str]:
    env = environment(**settings)
    env.pop("PYTHONPATH", None)
    return subprocess.run(
        [os.fspath(word) for word in words],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def _succeed(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise RuntimeError(f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
