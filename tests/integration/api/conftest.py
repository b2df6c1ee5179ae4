"""A Flask app of the API alone, with an issuer that counts what it gives out."""

import dataclasses
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.fakes import FakeSeries, FakeSeriesStore
from tests.support.numbers import POST
from tracking_service.api import hooks
from tracking_service.api.middleware.fast_path import FastPath
from tracking_service.api.routes import blueprint
from tracking_service.clock import wall_time
from tracking_service.container import Services
from tracking_service.instance.instance import Instance
from tracking_service.instance.number_spaces import NumberSpaces
from tracking_service.services.issue import Issuer
from tracking_service.services.issue_batch import Batches
from tracking_service.services.verify import Verifier
from tracking_service.telemetry.metrics import Metrics

MY_POST = FakeSeries("my-post", number_space="post", pattern=POST)


@pytest.fixture
def issuer() -> Mock:
    """An Issuer of the right shape that gives MYID00000000000X, MYID00000000001X and so on.

    There are the series `default`, `returns` and `my-post`, which is S10.
    """
    fake: Mock = create_autospec(Issuer, instance=True)
    spaces = NumberSpaces(FakeSeriesStore(FakeSeries("default"), FakeSeries("returns"), MY_POST))
    # Not a mock: it spends nothing, so a test that asks for no calls does not mean it.
    fake.known_format = lambda series: spaces.find(series).format
    serials = count()
    fake.issue.side_effect = lambda *_: (f"MYID{next(serials):011}X", wall_time())
    return fake


@pytest.fixture
def instance() -> Mock:
    """An Instance of the right shape that runs."""
    fake: Mock = create_autospec(Instance, instance=True)
    fake.leaving = False
    return fake


@pytest.fixture
def verifier() -> Mock:
    """A Verifier of the right shape; each test says what it answers."""
    fake: Mock = create_autospec(Verifier, instance=True)
    return fake


@pytest.fixture
def app(instance: Mock, issuer: Mock, verifier: Mock) -> Flask:
    app = Flask("api_alone")
    app.register_blueprint(blueprint)
    hooks.register(app)
    batches: Mock = create_autospec(Batches, instance=True)
    parts: dict[str, Any] = {field.name: Mock() for field in dataclasses.fields(Services)}
    parts.update(
        instance=instance,
        issuer=issuer,
        batches=batches,
        verifier=verifier,
        metrics=Metrics(),
        keyring=None,
    )
    Services(**parts).attach(app)
    app.wsgi_app = FastPath(app.wsgi_app, issuer, batches)  # type: ignore[method-assign]
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Callable[..., TestResponse]:
    """Send a request whose query string reaches the app byte for byte as it is given."""

    def send(
        query_string: str = "",
        *,
        path: str = "/api/next-tracking-number/",
        method: str = "GET",
    ) -> TestResponse:
        return client.open(path, method=method, environ_overrides={"QUERY_STRING": query_string})

    return send
