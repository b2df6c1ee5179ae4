"""The whole app in this process, over a database that is there, and ended in good order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from tracking_service.api.context import EXTENSION, Tracking
from tracking_service.app import create_app
from tracking_service.cli.context import CLI_EXTENSION, Backstage
from tracking_service.settings import Settings
from tracking_service.store.database import Use


@contextmanager
def opened_app(url: str, state_dir: Path, **settings: Any) -> Iterator[Flask]:
    """An app with these settings, which keeps its high-water marks in `state_dir`."""
    app = create_app(Settings(database_url=url, state_dir=str(state_dir), **settings))
    try:
        yield app
    finally:
        tracking(app).instance.close()
        if (keyring := backstage(app).keyring) is not None:
            keyring.close()
        backstage(app).database.close()


def tracking(app: Flask) -> Tracking:
    """What the routes work with."""
    found: Tracking = app.extensions[EXTENSION]
    return found


def backstage(app: Flask) -> Backstage:
    """What the commands work with."""
    found: Backstage = app.extensions[CLI_EXTENSION]
    return found


def lease_engine(app: Flask) -> Engine:
    """The engine that nothing but leases and pings runs on."""
    return backstage(app).database.engine(Use.LEASE)
