"""What cannot be meant or sent is refused at once, with an error of the client's, and not shown."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest

from tests.support.client import PARAMETERS
from tests.support.service_stand_in import SHIPMENT, ServiceStandIn
from tracking_service.client import (
    AsyncClient,
    BadRequest,
    Client,
    ClientError,
    InvalidNumber,
    InvalidSetting,
    Shipment,
)

URL = "http://127.0.0.1:8000"
HALF_A_PAIR = "\ud800"


@pytest.fixture
def service() -> ServiceStandIn:
    return ServiceStandIn()


@pytest.mark.parametrize("token", ["", "tn_\n", "tn abc", "tn_ü"])
def test_a_token_that_can_be_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match="the token has white space") as found:
        Client("http://127.0.0.1:8000", token=token)

    assert not token or token not in str(found.value)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_that_no_server_would_read_is_refused(kind: type[Client | AsyncClient]) -> None:
    with pytest.raises(InvalidSetting, match="longer than 4,000 characters"):
        kind(URL, token="x" * 100_000)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("ALL_PROXY", "socks5://user:secret@127.0.0.1:9", "SOCKS proxy .*socksio"),
        ("HTTP_PROXY", "ftp://user:secret@127.0.0.1", "proxy that cannot be used"),
        ("HTTPS_PROXY", "http://user:secret@127.0.0.1:secret", "proxy that cannot be used"),
        ("SSL_CERT_FILE", "/nowhere/certificates", "SSL_CERT_FILE .*No such file"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_environment_that_cannot_be_used_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Client | AsyncClient],
    name: str,
    value: str,
    message: str,
) -> None:
    for each in (name, name.lower()):
        monkeypatch.setenv(each, value)
    with pytest.raises(InvalidSetting, match=message) as found:
        kind(URL)

    assert "secret" not in "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_environment_that_is_spoilt_later_is_an_error_of_the_clients(
    monkeypatch: pytest.MonkeyPatch, kind: type[Client | AsyncClient]
) -> None:
    client = kind(URL)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates")

    def call() -> None:
        answer = client.next(SHIPMENT)
        if isinstance(answer, Coroutine):
            asyncio.run(answer)

    with pytest.raises(InvalidSetting, match="SSL_CERT_FILE"):
        call()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://a",
        "http://",
        "http://a?b",
        "http://a?",
        "http://a#",
        "http://a:secret@b",
        "http://a\n",
        "http://a\r\nX: secret",
        "http://a\tb",
        "http://a b",
        "http://a\0",
        "http://a:99999",
        "http://a:0",
        "http://a:x",
        "http://a..b",
        "http://" + "a" * 64,
        "http://[::1",
        "http://\ud800",
        "http://a\\b",
        "http://a/" + "b" * 1000,
        "http://a/" + "\N{PACKAGE}" * 100,
        [],
    ],
)
def test_a_base_url_that_cannot_be_meant_is_refused(url: str | list[str]) -> None:
    with pytest.raises(ValueError, match="base URL") as found:
        Client(url)

    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    "times",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"give_up_after": -1},
        {"give_up_after": float("nan")},
        {"give_up_after": float("inf")},
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_time_that_is_none_is_refused(
    times: dict[str, float], kind: type[Client | AsyncClient]
) -> None:
    with pytest.raises(InvalidSetting, match="timeout must be above 0"):
        kind(URL, **times)  # type: ignore[arg-type]  # those that are numbers


def test_a_refused_setting_is_an_error_of_the_clients_and_of_pythons() -> None:
    assert issubclass(InvalidSetting, ClientError)
    assert issubclass(InvalidSetting, ValueError)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_is_not_shown(kind: type[Client | AsyncClient]) -> None:
    client = kind(URL, token="tn_secret")
    shown = [repr(client), repr(vars(client)), str(vars(client))]

    assert "tn_secret" not in "".join(shown)
    with pytest.raises(TypeError):
        pickle.dumps(client)


@pytest.mark.parametrize(
    "changed",
    [
        {"customer_name": HALF_A_PAIR},
        {"customer_slug": "x" * 70_000},
        {"created_at": HALF_A_PAIR},
        {"weight": "1" * 70_000},
    ],
)
def test_a_shipment_that_cannot_be_sent_is_refused(
    service: ServiceStandIn, changed: dict[str, Any]
) -> None:
    shipment = Shipment(**{**PARAMETERS, **changed})
    for call in (
        lambda: service.client().next(shipment),
        lambda: service.client().batch(shipment, 2),
    ):
        with pytest.raises(BadRequest) as found:
            call()
        assert set(found.value.errors) <= set(changed)
        assert len(str(found.value)) < 200

    assert [] == service.requests


def test_values_that_are_too_long_together_are_refused(service: ServiceStandIn) -> None:
    names = ["customer_name", "customer_slug", "weight", "created_at"]
    shipment = Shipment(**{**PARAMETERS, **dict.fromkeys(names, "\N{PACKAGE}" * 1000)})
    with pytest.raises(BadRequest, match="address longer than 7,000 bytes") as found:
        service.client().next(shipment)

    assert set(found.value.errors) <= set(names)
    assert [] == service.requests


def test_the_longest_values_that_the_service_takes_are_sent(service: ServiceStandIn) -> None:
    longest = {"customer_name": "\N{PACKAGE}" * 255, "customer_slug": "x" * 255}
    service.client().next(Shipment(**{**PARAMETERS, **longest}), series="x" * 255)

    assert 1 == len(service.requests)


def test_a_batch_of_the_longest_values_is_within_what_the_service_reads(
    service: ServiceStandIn,
) -> None:
    names = ["customer_name", "customer_slug", "weight", "created_at"]
    shipment = Shipment(**{**PARAMETERS, **dict.fromkeys(names, "\N{PACKAGE}" * 1000)})
    service.client().batch(shipment, 2)

    assert len(service.requests[0].content) < 65_536 // 2


def test_a_series_that_cannot_be_sent_is_refused(service: ServiceStandIn) -> None:
    with pytest.raises(BadRequest) as found:
        service.client().next(SHIPMENT, series=HALF_A_PAIR)

    assert ["series"] == list(found.value.errors)


@pytest.mark.parametrize(
    "number",
    [HALF_A_PAIR, "MYID" + HALF_A_PAIR, "A" * 70_000, "A" + "\N{PACKAGE}" * 900],
)
def test_a_number_that_cannot_be_sent_is_none(service: ServiceStandIn, number: str) -> None:
    for call in (service.client().verify, service.client().barcode):
        with pytest.raises(InvalidNumber) as found:
            call(number)
        assert len(str(found.value)) < 600

    assert [] == service.requests


@pytest.mark.parametrize("weight", ["1E+999999999", "1E-999999999"])
def test_a_weight_beyond_all_others_is_written_shortly(weight: str) -> None:
    shipment = Shipment(**{**PARAMETERS, "weight": Decimal(weight)})  # type: ignore[arg-type]

    assert weight == shipment.parameters()["weight"]


def test_an_int_that_is_no_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="weight is too large"):
        Shipment(**{**PARAMETERS, "weight": 10**5000})  # type: ignore[arg-type]
