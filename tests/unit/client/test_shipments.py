"""A shipment is written as the service reads it, and what could not be meant is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.support.client import PARAMETERS
from tracking_service.client import Shipment


def shipment(**changed: Any) -> Shipment:
    return Shipment(**{**PARAMETERS, **changed})


def test_text_is_sent_as_it_is() -> None:
    assert PARAMETERS == shipment().parameters()


@pytest.mark.parametrize(
    "weight, written", [(Decimal("1.230"), "1.230"), (Decimal("1E+1"), "10"), (7, "7")]
)
def test_a_weight_is_written_exactly(weight: Decimal | int, written: str) -> None:
    assert written == shipment(weight=weight).parameters()["weight"]


def test_a_weight_that_is_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="weight must be .* not float"):
        shipment(weight=1.234)


@pytest.mark.parametrize(
    "moment, written",
    [
        (datetime(2024, 1, 1, 12, tzinfo=UTC), "2024-01-01T12:00:00+00:00"),
        (
            datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=8))),
            "2024-01-01T12:00:00+08:00",
        ),
    ],
)
def test_a_moment_is_written_with_its_offset(moment: datetime, written: str) -> None:
    assert written == shipment(created_at=moment).parameters()["created_at"]


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="created_at needs an offset"):
        shipment(created_at=datetime(2024, 1, 1, 12))  # noqa: DTZ001 - that is the fault


def test_a_customer_may_be_a_uuid() -> None:
    customer = UUID(PARAMETERS["customer_id"])

    assert str(customer) == shipment(customer_id=customer).parameters()["customer_id"]
