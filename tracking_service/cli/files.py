"""Files that commands write: whole or not at all, and without replacing another."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from tracking_service.allocation import Disk


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that appears at `path` at the end of the block; after an error, not at all.

    Raises ClickException, also if there is a file already and not `force`.
    """
    # A link stays; the file that it names is written.
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _check_free(path, force=force)
        partial.touch(exist_ok=False)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _rename(partial, path, force=force)
    except FileExistsError as error:
        # The partial file stays: its numbers have been issued.
        raise click.ClickException(
            f"{path} was made by another in the meantime, and is left as it is; see {partial}"
        ) from error
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise
    _sync_folder(path.parent)


@contextmanager
def secret_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner can read; removed after an error. Raises ClickException."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise
    _sync_folder(path.parent)


def _check_free(path: Path, *, force: bool) -> None:
    if not path.exists():
        return
    if not path.is_file():
        # A rename would replace a device by a file.
        raise click.ClickException(f"{path} is not a regular file")
    if not force:
        raise _exists(path, "; --force replaces it")


def _rename(partial: Path, path: Path, *, force: bool) -> None:
    if force:
        partial.replace(path)
        return
    try:
        # Unlike a rename, it fails if there is a file already.
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        # This file system has no links.
        if path.exists():
            raise FileExistsError(path) from None
        partial.replace(path)
    else:
        partial.unlink()


def _sync_folder(folder: Path) -> None:
    # Some file systems refuse, and need not.
    with contextlib.suppress(OSError):
        Disk().sync_folder(folder)


def _exists(path: Path, remedy: str = "") -> click.ClickException:
    return click.ClickException(f"{path} exists already, and is left as it is{remedy}")


def _unwritable(path: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"{path} cannot be written: {error.strerror}")
