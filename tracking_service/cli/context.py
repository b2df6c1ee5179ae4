"""What every command shares: its services, how it leases, and how it reports errors."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import click
from flask.cli import with_appcontext

from tracking_service.allocation import GuardedLeases, NullObserver
from tracking_service.container import Services, current_services
from tracking_service.errors import SettingsError, TrackingServiceError
from tracking_service.store.blocks import BlockStore
from tracking_service.store.schema import check_schema

P = ParamSpec("P")
R = TypeVar("R")


def guarded_leases(services: Services, series: str, store: BlockStore) -> GuardedLeases:
    """Leases for a command, guarded by the high-water marks like an instance's.

    Raises SettingsError if the marks cannot be written, because then every lease would be lost.
    """
    check_state_folder(services.marks.folder)
    found = services.series.find(series)
    return GuardedLeases(
        series,
        fingerprint=services.instance.number_spaces.get(found).fingerprint,
        end_serial=found.end_serial,
        instance=store.instance,
        store=store,
        marks=services.marks,
        observer=NullObserver(),
    )


def check_state_folder(folder: Path) -> None:
    """Make `folder`, and write a temporary file in it. Raises SettingsError.

    An instance that cannot record a lease may not use its block. It would listen, lease and never
    be ready.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permissions are not enough: the user may be root, or the disk mounted read-only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"TRACKING_STATE_DIR must name a folder that this user may write, and {folder} is"
            f" none: {error.strerror}"
        ) from error


def with_services(command: Callable[Concatenate[Services, P], R]) -> Callable[P, R]:
    """Give a command the services of its app; report this service's errors in one line, exit 1."""

    @with_appcontext
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        services = current_services()
        try:
            return command(services, *args, **kwargs)
        except TrackingServiceError as error:
            raise click.ClickException(services.describe_error(error)) from error

    return cast(Callable[P, R], run)


def with_database(command: Callable[Concatenate[Services, P], R]) -> Callable[P, R]:
    """As `with_services`, for a command that needs a database with the newest schema."""

    @functools.wraps(command)
    def run(services: Services, /, *args: P.args, **kwargs: P.kwargs) -> R:
        check_schema(services.database)
        return command(services, *args, **kwargs)

    return with_services(run)
