"""The parts of one app: `create_app` builds them, routes and commands use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from tracking_service.allocation import HighWaterMarks
from tracking_service.auth import Keyring
from tracking_service.errors import HighWaterMarkError, StoreError, TrackingServiceError
from tracking_service.instance.instance import Instance
from tracking_service.records import LeasedBlock
from tracking_service.services.aged_read import AgedRead
from tracking_service.services.fleet import Fleet
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches
from tracking_service.services.series_list import SeriesList
from tracking_service.services.verify import Verifier
from tracking_service.settings import Settings
from tracking_service.store.api_keys import ApiKeyStore
from tracking_service.store.blocks import BlockReader
from tracking_service.store.database import Database
from tracking_service.store.database.errors import with_remedy
from tracking_service.store.series import SeriesStore
from tracking_service.telemetry.history import History
from tracking_service.telemetry.metrics import Metrics

_EXTENSION = "tracking_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Every part of one app that a route or a command uses, stores and settings too.

    Not to be confused with the package `services`, which has the use cases.
    """

    settings: Settings
    database: Database
    series: SeriesStore
    blocks: BlockReader
    api_keys: ApiKeyStore
    keyring: Keyring | None
    """None if callers need no API key."""
    marks: HighWaterMarks
    metrics: Metrics
    instance: Instance
    issuer: Issuer
    batches: Batches
    verifier: Verifier
    series_list: SeriesList
    latest_leases: AgedRead[Sequence[LeasedBlock]]
    fleet: AgedRead[Fleet]
    history: History

    def describe_error(self, error: TrackingServiceError) -> str:
        """Say what is wrong and what to do, for a terminal or a log: it may name addresses."""
        if isinstance(error, StoreError):
            return with_remedy(error, self.database.backend)
        if isinstance(error, HighWaterMarkError):
            return f"{error}; check the folder that TRACKING_STATE_DIR names"
        return str(error)

    def disconnect(self) -> None:
        """Close every connection to the database. For after `instance.close`."""
        if self.keyring is not None:
            self.keyring.close()
        self.database.close()

    def attach(self, app: Flask) -> None:
        """Let `services_of(app)` return this."""
        app.extensions[_EXTENSION] = self


def services_of(app: Flask) -> Services:
    """The services of `app`."""
    return cast(Services, app.extensions[_EXTENSION])


def current_services() -> Services:
    """The services of the app that handles the present request, or whose command runs."""
    return services_of(current_app)
