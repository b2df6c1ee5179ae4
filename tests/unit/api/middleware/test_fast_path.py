"""From the bytes of a query to the bytes of the response, with an issuer that counts."""

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock, create_autospec

import pytest
from marshmallow import ValidationError

from tracking_service import errors
from tracking_service.api.middleware.fast_path import check_query, issue_from_query
from tracking_service.numbering.format import Shipment
from tracking_service.services.issue import Issuer

QUERY = (
    "origin_country_id=MY&destination_country_id=ID&weight=1.234"
    "&created_at=2024-01-01T12:00:00%s&customer_id=de619854-b59b-425e-9db4-943979e1bd49"
    "&customer_name=RedBox%%20Logistics&customer_slug=redbox-logistics"
)

ISSUED_AT = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def issuer() -> Mock:
    fake: Mock = create_autospec(Issuer, instance=True)
    fake.issue.return_value = ("MYID7K2M0QX4C9TU", ISSUED_AT.timestamp() + 0.9)
    fake.supplies, fake.database = (), "away"
    return fake


@pytest.mark.parametrize(
    "sent, answered, ahead",
    [
        ("+08:00", "+08:00", timedelta(hours=8)),
        ("%2B08:00", "+08:00", timedelta(hours=8)),
        ("%2b08%3a00", "+08:00", timedelta(hours=8)),
        ("%2008:00", "+08:00", timedelta(hours=8)),
        ("-03:30", "-03:30", -timedelta(hours=3, minutes=30)),
        ("+23:59", "+23:59", timedelta(hours=23, minutes=59)),
        ("-23:59", "-23:59", -timedelta(hours=23, minutes=59)),
        ("+00:00", "+00:00", timedelta()),
        ("-00:00", "-00:00", timedelta()),
        ("Z", "Z", timedelta()),
        ("z", "Z", timedelta()),
    ],
)
def test_the_answer_is_the_number_and_the_moment_of_issue_in_the_offset_of_the_request(
    issuer: Mock, sent: str, answered: str, ahead: timedelta
) -> None:
    body = issue_from_query(QUERY % sent, issuer).decode()

    moment = json.loads(body)["created_at"]
    assert body == f'{{"tracking_number": "MYID7K2M0QX4C9TU", "created_at": "{moment}"}}'
    assert moment.endswith(answered)
    assert len(moment) == len("2024-01-01T12:00:00") + len(answered)
    parsed = datetime.fromisoformat(moment)
    assert parsed.utcoffset() == ahead
    assert parsed == ISSUED_AT
    issuer.issue.assert_called_once_with(Shipment("MY", "ID"), "default")


def test_the_issuer_is_asked_for_the_series_that_the_query_names(issuer: Mock) -> None:
    issue_from_query(QUERY % "Z" + "&series=express", issuer)

    issuer.issue.assert_called_once_with(Shipment("MY", "ID"), "express")


def test_a_request_at_fault_spends_nothing(issuer: Mock) -> None:
    with pytest.raises(ValidationError):
        issue_from_query(QUERY % "Z" + "&weight=1", issuer)

    issuer.issue.assert_not_called()


def test_a_check_spends_nothing_and_raises_what_the_issuer_would(issuer: Mock) -> None:
    check_query(QUERY % "Z", None, Mock(), issuer)

    issuer.check.assert_called_once_with(Shipment("MY", "ID"), "default")
    issuer.check.side_effect = errors.UnknownSeriesError("default")
    with pytest.raises(errors.UnknownSeriesError):
        check_query(QUERY % "Z", None, Mock(), issuer)
    issuer.issue.assert_not_called()
