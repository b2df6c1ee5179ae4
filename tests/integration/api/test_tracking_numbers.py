"""GET /api/tracking-numbers/{number}: what is known of a number, and why one is refused."""

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient

from tracking_service import errors
from tracking_service.services.verify import VerifiedNumber

NUMBER = "MYID7K2M0QX4C9TU"


def verified(**changes: object) -> VerifiedNumber:
    properties: dict[str, object] = {
        "tracking_number": NUMBER,
        "series": "default",
        "origin_country_id": "MY",
        "destination_country_id": "ID",
        "status": "issued",
        "leased_at": datetime(2026, 11, 24, 13, 5, 7, 891, tzinfo=UTC),
        **changes,
    }
    return VerifiedNumber(**properties)  # type: ignore[arg-type]


@pytest.mark.parametrize("tail", ["", "/"])
def test_a_number_that_was_leased_is_told_of(
    client: FlaskClient, verifier: Mock, tail: str
) -> None:
    verifier.verify.return_value = verified()

    response = client.get(f"/api/tracking-numbers/{NUMBER}{tail}")

    assert response.status_code == 200
    assert response.text == (
        '{"tracking_number": "MYID7K2M0QX4C9TU", "series": "default", "origin_country_id": "MY",'
        ' "destination_country_id": "ID", "status": "issued",'
        ' "leased_at": "2026-11-24T13:05:07Z"}'
    )
    assert response.headers.getlist("Content-Type") == ["application/json"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    verifier.verify.assert_called_once_with(NUMBER)


def test_leased_at_is_told_in_utc(client: FlaskClient, verifier: Mock) -> None:
    local = datetime(2026, 11, 24, 21, 5, 7, tzinfo=timezone(timedelta(hours=8)))
    verifier.verify.return_value = verified(leased_at=local)

    response = client.get(f"/api/tracking-numbers/{NUMBER}")

    assert response.get_json()["leased_at"] == "2026-11-24T13:05:07Z"


def test_what_a_number_does_not_say_is_null(client: FlaskClient, verifier: Mock) -> None:
    verifier.verify.return_value = verified(
        tracking_number="RA473124829MY", destination_country_id=None, status="reserved"
    )

    body = client.get("/api/tracking-numbers/RA473124829MY").get_json()

    assert body["destination_country_id"] is None
    assert body["status"] == "reserved"


@pytest.mark.parametrize(
    "typed, read",
    [
        ("myid-7k2m%200qx4-c9tu", "myid-7k2m 0qx4-c9tu"),
        ("%00%0A", "\0\n"),
        ("%FF", "\N{REPLACEMENT CHARACTER}"),
        ("MYID%3Fx%23y", "MYID?x#y"),
        ("..", ".."),
        ("A" * 100_000, "A" * 100_000),
    ],
)
def test_a_number_reaches_the_verifier_as_it_was_typed(
    client: FlaskClient, verifier: Mock, typed: str, read: str
) -> None:
    verifier.verify.side_effect = errors.MalformedNumberError

    response = client.get(f"/api/tracking-numbers/{typed}")

    assert response.status_code == 400
    assert len(response.data) < 1000
    verifier.verify.assert_called_once_with(read)


@pytest.mark.parametrize(
    "path, status",
    [("A%2FB", 404), ("A/B", 404), ("/A", 404), ("A//", 404), ("", 405), ("%2F", 405)],
)
def test_a_slash_is_no_part_of_a_number(
    client: FlaskClient, verifier: Mock, path: str, status: int
) -> None:
    """Without a number it is the path that batches are posted to."""
    response = client.get(f"/api/tracking-numbers/{path}")

    assert response.status_code == status
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    verifier.verify.assert_not_called()


MALFORMED = "This has not the shape of a tracking number."
MISMATCH = "The check character does not match."
MENDABLE = (
    "The check character does not match. It looks like a typo: changing one character,"
    " or swapping two neighbours, would mend it."
)


@pytest.mark.parametrize(
    "error, slug, detail",
    [
        (errors.MalformedNumberError(), "malformed-number", MALFORMED),
        (errors.CheckCharacterError(), "wrong-check-character", MISMATCH),
        (errors.CheckCharacterError(likely_typo=True), "wrong-check-character", MENDABLE),
        (
            errors.CheckCharacterError(MISMATCH.removesuffix("."), likely_typo=True),
            "wrong-check-character",
            MENDABLE,
        ),
    ],
)
def test_what_is_no_number_is_a_fault_of_number(
    client: FlaskClient, verifier: Mock, error: Exception, slug: str, detail: str
) -> None:
    verifier.verify.side_effect = error

    response = client.get(f"/api/tracking-numbers/{NUMBER}")

    problem = response.get_json()
    assert response.status_code == problem["status"] == 400
    assert problem["type"] == f"/problems/{slug}"
    assert problem["detail"] == detail
    assert problem["errors"] == [{"parameter": "number", "message": detail}]
    assert response.headers.getlist("Cache-Control") == ["no-store"]


def test_a_number_that_was_never_leased_is_404(client: FlaskClient, verifier: Mock) -> None:
    verifier.verify.side_effect = errors.NotIssuedError("serial 7 is beyond block 3")

    response = client.get(f"/api/tracking-numbers/{NUMBER}")

    assert response.status_code == 404
    assert response.get_json() == {
        "type": "/problems/unknown-number",
        "title": "Unknown tracking number",
        "status": 404,
        "detail": "No such tracking number was issued.",
    }
    assert response.headers.getlist("Cache-Control") == ["no-store"]


def test_a_database_that_is_away_is_503(client: FlaskClient, verifier: Mock) -> None:
    verifier.verify.side_effect = errors.StoreUnavailableError("db.internal:5432 refused")

    response = client.get(f"/api/tracking-numbers/{NUMBER}")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert b"5432" not in response.data


def test_verifying_spends_nothing(client: FlaskClient, issuer: Mock, verifier: Mock) -> None:
    verifier.verify.return_value = verified()

    client.get(f"/api/tracking-numbers/{NUMBER}")
    client.head(f"/api/tracking-numbers/{NUMBER}")
    client.options(f"/api/tracking-numbers/{NUMBER}")

    issuer.issue.assert_not_called()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_405(
    client: FlaskClient, issuer: Mock, verifier: Mock, method: str
) -> None:
    response = client.open(f"/api/tracking-numbers/{NUMBER}", method=method)

    assert response.status_code == 405
    assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}
    assert issuer.mock_calls == []
    assert verifier.mock_calls == []
