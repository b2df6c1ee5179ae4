"""The whole app in this process, over a database that is there, and ended in good order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from tracking_service.app import create_app
from tracking_service.container import services_of
from tracking_service.settings import Settings
from tracking_service.store.database import Use

MakeApp = Callable[[], Flask]


@contextmanager
def opened_app(url: str, state_dir: Path, **settings: Any) -> Iterator[Flask]:
    """An app with these settings, which keeps its high-water marks in `state_dir`."""
    app = create_app(Settings(database_url=url, state_dir=str(state_dir), **settings))
    try:
        yield app
    finally:
        services_of(app).instance.close()
        services_of(app).disconnect()


def lease_engine(app: Flask) -> Engine:
    """The engine that nothing but leases and pings runs on."""
    return services_of(app).database.engine(Use.LEASE)
