"""What every command shares: the parts it works with, and its errors."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import click
from flask import current_app
from flask.cli import with_appcontext

from tracking_service.allocation import GuardedLeases, HighWaterMarkFile, NullObserver
from tracking_service.auth import Keyring
from tracking_service.cli.state_folder import check_state_folder
from tracking_service.errors import HighWaterMarkError, StoreUnavailableError, TrackingServiceError
from tracking_service.instance.instance import Instance
from tracking_service.services.verify import Verifier
from tracking_service.settings import Settings
from tracking_service.store.api_keys import ApiKeyStore
from tracking_service.store.blocks import BlockReader, BlockStore
from tracking_service.store.database import Database
from tracking_service.store.database.errors import remedy
from tracking_service.store.schema import check_schema
from tracking_service.store.series import SeriesStore

CLI_EXTENSION = "tracking-cli"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Backstage:
    """What the commands work with: `app.extensions["tracking-cli"]`."""

    settings: Settings
    database: Database
    catalogue: SeriesStore
    blocks: BlockReader
    store_for: Callable[[str], BlockStore]
    instance: Instance
    verifier: Verifier
    marks: HighWaterMarkFile
    dispose: Callable[[], None]
    """Closes every connection to the database."""
    keys: ApiKeyStore
    keyring: Keyring | None
    """None where no key is asked for."""

    @property
    def state_folder(self) -> Path:
        """Where the high-water marks are kept: TRACKING_STATE_DIR, or what stands for it."""
        return self.marks.folder

    def told(self, error: TrackingServiceError) -> str:
        """An error with what to do about it, for a terminal or a log: it may name addresses."""
        if isinstance(error, StoreUnavailableError):
            return f"{error}; {remedy(self.database.backend)}"
        if isinstance(error, HighWaterMarkError):
            return f"{error}; check the folder that TRACKING_STATE_DIR names"
        return str(error)


def leases_of(backstage: Backstage, series: str, store: BlockStore) -> GuardedLeases:
    """Leases for a command, which the high-water marks guard as they do an instance's.

    Raises SettingsError where they could not be kept, for then every lease would be lost.
    """
    check_state_folder(backstage.state_folder)
    found = backstage.catalogue.find(series)
    return GuardedLeases(
        series,
        fingerprint=backstage.instance.number_spaces.get(found).fingerprint,
        end_serial=found.end_serial,
        instance=store.instance,
        store=store,
        marks=backstage.marks,
        observer=NullObserver(),
    )


def current_backstage() -> Backstage:
    """That of the app whose command runs."""
    return cast(Backstage, current_app.extensions[CLI_EXTENSION])


def with_backstage(command: Callable[Concatenate[Backstage, P], R]) -> Callable[P, R]:
    """Give a command the backstage of its app; report this service's errors in one line, exit 1."""

    @with_appcontext
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        backstage = current_backstage()
        try:
            return command(backstage, *args, **kwargs)
        except TrackingServiceError as error:
            raise click.ClickException(backstage.told(error)) from error

    return cast(Callable[P, R], run)


def with_database(command: Callable[Concatenate[Backstage, P], R]) -> Callable[P, R]:
    """As `with_backstage`, for a command that cannot do without a database at its newest schema."""

    @functools.wraps(command)
    def run(backstage: Backstage, /, *args: P.args, **kwargs: P.kwargs) -> R:
        check_schema(backstage.database)
        return command(backstage, *args, **kwargs)

    return with_backstage(run)
