"""Every fault at once: what the series adds to the schema's, and what finding it out may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from marshmallow import ValidationError

from tracking_service.api.batches import BatchSchema
from tracking_service.api.validation import collect_errors
from tracking_service.auth import Key
from tracking_service.errors import StoreUnavailableError
from tracking_service.instance.number_spaces import NumberSpace
from tracking_service.numbering import Shipment

if TYPE_CHECKING:
    from tests.unit.conftest import Issuing

HEAVY = {"weight": ["is too heavy"]}
UNKNOWN = {"series": ["there is no series named 'none'"]}
NOT_MY = {"origin_country_id": ["must be MY: this series takes no other"]}


def told(
    issuing: Issuing, valid: dict[str, str], caller: Key | None = None
) -> dict[str, list[str]]:
    """The faults of a request that is too heavy, besides these valid parameters."""
    found = ValidationError(HEAVY, valid_data=valid)
    messages: dict[str, list[str]] = collect_errors(found, issuing.issuer, caller).messages_dict
    return messages


def shipped(series: str, origin: str = "ID", destination: str = "MY") -> dict[str, str]:
    countries = {"origin_country_id": origin, "destination_country_id": destination}
    return {**countries, "series": series}


class Reads:
    """Counts how often a series is read for a request at fault."""

    def __init__(self, issuing: Issuing, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._find = issuing.instance.number_spaces.find
        monkeypatch.setattr(issuing.instance.number_spaces, "find", self.find)

    def find(self, series: str) -> NumberSpace:
        self.count += 1
        return self._find(series)


@pytest.fixture
def reads(issuing: Issuing, monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(issuing, monkeypatch)


def test_a_series_that_there_is_not_is_told_beside_the_rest(issuing: Issuing) -> None:
    assert HEAVY | UNKNOWN == told(issuing, shipped("none"))


def test_a_shipment_that_the_series_refuses_is_told_beside_the_rest(issuing: Issuing) -> None:
    assert NOT_MY | HEAVY == told(issuing, shipped("ra"))


@pytest.mark.parametrize(
    "valid",
    [
        shipped("ra", "MY", "ID"),
        shipped("gifts"),
        {"series": "ra"},
        {"series": "ra", "origin_country_id": "ID"},
        {"series": "ra", "destination_country_id": "ID"},
        {},
    ],
)
def test_nothing_is_told_that_is_not_certain(issuing: Issuing, valid: dict[str, str]) -> None:
    """A format is asked of whole shipments alone, and a series at fault itself is none."""
    assert HEAVY == told(issuing, valid)


def test_without_values_there_is_no_series_to_look_up(issuing: Issuing, reads: Reads) -> None:
    found = collect_errors(ValidationError({"": ["the body is not JSON"]}), issuing.issuer)

    assert {"": ["the body is not JSON"]} == found.messages_dict
    assert 0 == reads.count


def test_faults_come_as_the_parameters_are_documented(issuing: Issuing) -> None:
    names = ["Idempotency-Key", *BatchSchema().load_fields]
    every = {name: ["is wrong"] for name in reversed(names)}

    assert names == list(collect_errors(ValidationError(every), issuing.issuer).messages_dict)
    assert ["origin_country_id", "weight"] == list(told(issuing, shipped("ra")))


def test_a_series_that_is_open_is_known_from_memory(issuing: Issuing, reads: Reads) -> None:
    issuing.serial("ra")
    issuing.series_store.failure = StoreUnavailableError()

    assert NOT_MY | HEAVY == told(issuing, shipped("ra"))
    assert 0 == reads.count


def test_no_series_is_opened_for_a_request_at_fault(issuing: Issuing, reads: Reads) -> None:
    for series in ["gifts", "ra", "none"] * 10:
        told(issuing, shipped(series))

    assert ([], {}) == (issuing.store.calls, issuing.instance.registry.open)
    assert 30 == reads.count


def test_a_database_that_is_away_adds_no_fault(issuing: Issuing) -> None:
    issuing.series_store.failure = StoreUnavailableError()

    assert HEAVY == told(issuing, shipped("none"))


def test_a_database_that_is_known_to_be_away_is_not_asked(issuing: Issuing, reads: Reads) -> None:
    issuing.store.failure = StoreUnavailableError()
    issuing.instance.start()
    issuing.until(lambda: issuing.instance.health.database == "away", "the failure to be known")

    assert HEAVY == told(issuing, shipped("none"))
    assert 0 == reads.count


def test_a_key_tells_nothing_of_a_series_that_it_is_not_for(issuing: Issuing, reads: Reads) -> None:
    caller = Key("shop", frozenset({"issue"}), frozenset({"default"}), b"")

    assert HEAVY == told(issuing, shipped("none"), caller)
    assert HEAVY == told(issuing, shipped("ra"), caller)
    assert 0 == reads.count


def test_an_error_that_nobody_expected_is_not_hidden(
    issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> Any:
        raise RuntimeError

    monkeypatch.setattr(issuing.instance.number_spaces, "find", fail)

    with pytest.raises(RuntimeError):
        told(issuing, shipped("none"))


def test_the_issuer_refuses_what_is_told(issuing: Issuing) -> None:
    """So that whoever mends the rest is not told another thing next."""
    with pytest.raises(Exception, match=UNKNOWN["series"][0]):
        issuing.issuer.check(Shipment("ID", "MY"), "none")
    with pytest.raises(Exception, match=NOT_MY["origin_country_id"][0]):
        issuing.issuer.check(Shipment("ID", "MY"), "ra")
