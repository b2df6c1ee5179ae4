"""/healthz and /readyz."""

from collections.abc import Callable
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from tracking_service.api import routes
from tracking_service.services.readiness import Readiness

Assess = Callable[[Readiness], None]


@pytest.fixture
def assessed(monkeypatch: pytest.MonkeyPatch) -> Assess:
    """Sets how the instance is assessed."""
    return lambda readiness: monkeypatch.setattr(routes, "assess_readiness", lambda _: readiness)


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_alive_asks_nothing_of_the_issuer(client: FlaskClient, issuer: Mock, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.get_json() == {"status": "ok"}
    assert response.headers.getlist("Content-Type") == ["application/json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert issuer.mock_calls == []


@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_ready_is_200_and_starts_the_instance(
    client: FlaskClient, instance: Mock, assessed: Assess, path: str
) -> None:
    assessed(
        Readiness(
            ready=True, reason="the database is away", reserve_seconds=812.34, database="away"
        )
    )

    response = client.get(path)

    assert response.status_code == 200
    assert response.get_json() == {
        "status": "ready",
        "database": "away",
        "reserve_seconds": 812.3,
        "reason": "the database is away",
    }
    assert response.headers.getlist("Content-Type") == ["application/json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert [call[0] for call in instance.mock_calls] == ["start"]


def test_an_instance_that_leaves_is_not_started(
    client: FlaskClient, instance: Mock, assessed: Assess
) -> None:
    instance.leaving = True
    assessed(Readiness(False, "shutting down", None, "up"))

    assert client.get("/readyz").status_code == 503
    assert instance.mock_calls == []


def test_not_ready_is_a_503_problem_that_says_why(client: FlaskClient, assessed: Assess) -> None:
    assessed(
        Readiness(ready=False, reason="no lease yet", reserve_seconds=None, database="unknown")
    )

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.get_json() == {
        "type": "/problems/not-ready",
        "title": "This instance cannot issue numbers now",
        "status": 503,
        "detail": "no lease yet",
        "database": "unknown",
        "reserve_seconds": None,
    }
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert response.headers.getlist("Retry-After") == ["1"]


@pytest.mark.parametrize("ready", [True, False])
def test_head_of_readyz_has_the_status_of_get(
    client: FlaskClient, assessed: Assess, ready: bool
) -> None:
    assessed(Readiness(ready=ready, reason=None, reserve_seconds=None, database="up"))

    head = client.head("/readyz")

    assert head.status_code == (200 if ready else 503)
    assert head.headers == client.get("/readyz").headers


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_are_in_prometheus_own_format(client: FlaskClient, issuer: Mock, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE tracking_leases_total counter" in response.text
    assert issuer.mock_calls == []
