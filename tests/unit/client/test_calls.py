"""What each call sends, what it makes of an answer, and which error a bad answer becomes."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
from datetime import datetime

import httpx2
import pytest

from tests.support.client import PARAMETERS
from tests.support.service_stand_in import (
    BARCODE,
    MOMENT,
    SHIPMENT,
    Fault,
    ServiceStandIn,
    answer,
    known,
    problem,
)
from tracking_service.client import (
    BadRequest,
    Client,
    ClientError,
    Closed,
    DatabaseUnavailable,
    Forbidden,
    IdempotencyKeyReused,
    InvalidNumber,
    RequestInProgress,
    SeriesExhausted,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownNumber,
    correlate,
)

FAULTS = [
    {"parameter": "weight", "message": "must be above 0"},
    {"parameter": "weight", "message": "must have three decimals"},
    {"parameter": "series", "message": "is unknown"},
]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def service() -> ServiceStandIn:
    return ServiceStandIn()


@pytest.fixture
def client(service: ServiceStandIn) -> Client:
    return service.client()


def sent(service: ServiceStandIn) -> httpx2.Request:
    return service.requests[-1]


@pytest.mark.parametrize("key", ["", "order 4711 ", "a\nb", "é", "x" * 256])
def test_a_key_that_no_header_can_carry_is_refused_and_not_sent(
    service: ServiceStandIn, client: Client, key: str
) -> None:
    for call in (
        lambda: client.next(SHIPMENT, idempotency_key=key),
        lambda: client.batch(SHIPMENT, 2, idempotency_key=key),
        lambda: asyncio.run(service.async_client().batch(SHIPMENT, 2, idempotency_key=key)),
    ):
        with pytest.raises(BadRequest) as refused:
            call()
        assert ["Idempotency-Key"] == list(refused.value.errors)

    assert [] == service.requests


def test_next_asks_for_one_number(service: ServiceStandIn, client: Client) -> None:
    issued = client.next(SHIPMENT, series="parcels")

    assert [issued.tracking_number] == service.issued
    assert datetime.fromisoformat(MOMENT) == issued.created_at
    assert {**PARAMETERS, "series": "parcels"} == dict(sent(service).url.params)
    assert "Idempotency-Key" not in sent(service).headers


def test_next_with_a_key_gives_the_same_number_again(
    service: ServiceStandIn, client: Client
) -> None:
    first = client.next(SHIPMENT, idempotency_key="order-1")

    assert ("GET", "order-1") == (sent(service).method, sent(service).headers["Idempotency-Key"])
    assert first == client.next(SHIPMENT, idempotency_key="order-1")
    assert first != client.next(SHIPMENT, idempotency_key="order-2")


def test_a_batch_has_a_key_of_its_own(service: ServiceStandIn, client: Client) -> None:
    batches = [client.batch(SHIPMENT, 3), client.batch(SHIPMENT, 3)]

    assert service.issued == [number for batch in batches for number in batch.tracking_numbers]
    assert [batch.idempotency_key for batch in batches] == list(service.keys)
    assert {"count": 3, **PARAMETERS} == json.loads(sent(service).content)


def test_verify_reads_what_is_known(service: ServiceStandIn, client: Client) -> None:
    known = client.verify("myid 0000-0000 0001")

    assert b"/api/tracking-numbers/myid%200000-0000%200001" == sent(service).url.raw_path
    assert ("default", "issued") == (known.series, known.status)
    assert datetime.fromisoformat("2026-11-24T22:08:39+00:00") == known.leased_at


def test_a_barcode_is_an_svg_document(service: ServiceStandIn, client: Client) -> None:
    assert BARCODE == client.barcode("MYIDBEP6D2FH5S2M")
    assert "/api/tracking-numbers/MYIDBEP6D2FH5S2M/barcode.svg" == sent(service).url.path
    assert "image/svg+xml" == sent(service).headers["Accept"]


@pytest.mark.parametrize("number", ["", " ", "..", "MYID/../../healthz", "-"])
def test_what_would_lead_to_another_route_is_not_sent(
    service: ServiceStandIn, client: Client, number: str
) -> None:
    with pytest.raises(InvalidNumber) as verifying:
        client.verify(number)
    with pytest.raises(InvalidNumber):
        client.barcode(number)

    assert ["number"] == list(verifying.value.errors)
    assert [] == service.requests


def test_the_calls_of_an_async_client_are_the_same(service: ServiceStandIn) -> None:
    async def calls() -> list[object]:
        async with service.async_client(token="tn_x") as client:
            return [
                await client.next(SHIPMENT),
                await client.next(SHIPMENT, idempotency_key="order-1"),
                await client.batch(SHIPMENT, 2, idempotency_key="order-2"),
                await client.verify("MYIDBEP6D2FH5S2M"),
                await client.barcode("MYIDBEP6D2FH5S2M"),
            ]

    found = asyncio.run(calls())
    asked = service.requests.copy()
    other = ServiceStandIn()
    client = other.client(token="tn_x")
    expected = [
        client.next(SHIPMENT),
        client.next(SHIPMENT, idempotency_key="order-1"),
        client.batch(SHIPMENT, 2, idempotency_key="order-2"),
        client.verify("MYIDBEP6D2FH5S2M"),
        client.barcode("MYIDBEP6D2FH5S2M"),
    ]

    assert expected == found
    assert [without_id(one) for one in other.requests] == [without_id(one) for one in asked]


def without_id(request: httpx2.Request) -> tuple[str, str, dict[str, str], bytes]:
    headers = {name: value for name, value in request.headers.items() if name != "x-request-id"}
    return request.method, str(request.url), headers, request.content


# Errors.


def number_answer(number: object, created_at: object = MOMENT) -> str:
    return json.dumps({"tracking_number": number, "created_at": created_at})


ERRORS: list[tuple[Fault, type[ClientError]]] = [
    (problem(400, "invalid-request", errors=FAULTS), BadRequest),
    (problem(400, "malformed-number"), InvalidNumber),
    (problem(400, "wrong-check-character"), InvalidNumber),
    (problem(401, "token-invalid"), Unauthorized),
    (problem(403, "scope-missing"), Forbidden),
    (problem(404, "unknown-number"), UnknownNumber),
    (problem(422, "idempotency-key-reused"), IdempotencyKeyReused),
    (problem(409, "batch-in-progress"), RequestInProgress),
    (problem(503, "database-unavailable"), DatabaseUnavailable),
    (problem(503, "series-exhausted"), SeriesExhausted),
    (problem(503, "no-number-now"), Unavailable),
    (answer(502, "<h1>Bad Gateway</h1>"), Unavailable),
    (answer(504, ""), Unavailable),
    (answer(429, "slow down"), Unavailable),
    (answer(404, "<h1>Not Found</h1>"), UnexpectedAnswer),
    (answer(301, ""), UnexpectedAnswer),
    (answer(500, "{}"), UnexpectedAnswer),
    (answer(599, ""), UnexpectedAnswer),
    (answer(200, "<h1>Welcome to the hotel's network</h1>"), UnexpectedAnswer),
    (answer(200, "[]"), UnexpectedAnswer),
    (answer(200, "[" * 60_000), UnexpectedAnswer),
    (answer(404, "[" * 60_000), UnexpectedAnswer),
    (answer(200, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")), UnexpectedAnswer),
    (answer(200, '{"tracking_number": "a b", "created_at": "x"}'), UnexpectedAnswer),
    (answer(200, number_answer(7)), UnexpectedAnswer),
    (answer(200, number_answer(None)), UnexpectedAnswer),
    (answer(200, number_answer(["MYID1"])), UnexpectedAnswer),
    (answer(200, number_answer("MYID1\n")), UnexpectedAnswer),
    (answer(200, number_answer("MYID1 MYID2")), UnexpectedAnswer),
    (answer(200, number_answer("MYID0000000000017")), UnexpectedAnswer),
    (answer(200, number_answer("MYID1", 1764000000)), UnexpectedAnswer),
    (answer(200, number_answer("MYID1", "2026-11-25T06:08:59")), UnexpectedAnswer),
]


@pytest.mark.parametrize("fault, kind", ERRORS)
def test_a_bad_answer_becomes_its_error(
    service: ServiceStandIn, fault: Fault, kind: type[ClientError]
) -> None:
    client = service.client(give_up_after=0)
    service.faults.append(fault)
    with pytest.raises(ClientError) as found:
        client.next(SHIPMENT)

    assert kind is type(found.value)


def test_a_bad_request_tells_the_faults_of_each_parameter(
    service: ServiceStandIn, client: Client
) -> None:
    service.faults.append(problem(400, "invalid-request", errors=FAULTS))
    with pytest.raises(BadRequest) as found:
        client.next(SHIPMENT)
    error = found.value

    expected = {
        "weight": ("must be above 0", "must have three decimals"),
        "series": ("is unknown",),
    }
    assert expected == error.errors
    assert error.problem is not None
    assert "/problems/invalid-request" == error.problem.type
    assert "weight must be above 0; weight must have three decimals; series is unknown" in str(
        error
    )
    assert sent(service).headers["X-Request-ID"] == error.request_id
    assert error.errors == pickle.loads(pickle.dumps(error)).errors


@pytest.mark.parametrize("likely", [True, False])
def test_an_invalid_number_says_whether_it_is_likely_a_typo(
    service: ServiceStandIn, client: Client, likely: bool
) -> None:
    service.faults.append(problem(400, "wrong-check-character", likely_typo=likely))
    with pytest.raises(InvalidNumber) as found:
        client.verify("MYIDBEP6D2FH5S2X")

    assert likely is found.value.likely_typo


def test_a_refusal_is_not_repeated(service: ServiceStandIn, client: Client) -> None:
    service.faults.append(problem(401, "token-missing"))
    with pytest.raises(Unauthorized):
        client.next(SHIPMENT)

    assert 1 == len(service.requests)


@pytest.mark.parametrize(
    "numbers, count",
    [
        (["MYID1"], 2),
        (["MYID1", "MYID1"], 2),
        (["MYID1", "MYID2", "MYID3"], 2),
        (["MYID1", "a b"], 2),
        (["MYID1 MYID2"], 2),
        (["MYID1", 2], 2),
        ("MY", 2),
        ({"MYID1": 1, "MYID2": 2}, 2),
        (["MYID1", "MYID2"], 3),
        (["MYID1", "MYID2"], "2"),
        (["MYID1", "MYID2"], 2.0),
        (["MYID1", "MYID2"], None),
    ],
)
def test_a_batch_that_is_not_what_was_asked_for_is_refused(
    service: ServiceStandIn, client: Client, numbers: object, count: object
) -> None:
    body = {"tracking_numbers": numbers, "created_at": MOMENT, "count": count}
    service.faults.append(lambda request: httpx2.Response(201, json=body))
    with pytest.raises(UnexpectedAnswer):
        client.batch(SHIPMENT, 2)


@pytest.mark.parametrize(
    "changed", [{"series": 7}, {"status": None}, {"origin_country_id": 7}, {"leased_at": 7}]
)
def test_a_verified_number_that_is_not_as_it_should_be_is_refused(
    service: ServiceStandIn, client: Client, changed: dict[str, object]
) -> None:
    body = {**known("MYIDBEP6D2FH5S2M"), **changed}
    service.faults.append(lambda request: httpx2.Response(200, json=body))
    with pytest.raises(UnexpectedAnswer):
        client.verify("MYIDBEP6D2FH5S2M")


def test_what_a_stranger_wrote_is_one_short_line_of_a_message(
    service: ServiceStandIn, client: Client
) -> None:
    detail = "a\nb\x1b[31m" + "x" * 50_000
    service.faults.append(problem(401, "token-missing", detail=detail))
    with pytest.raises(Unauthorized) as found:
        client.next(SHIPMENT)

    assert len(str(found.value)) < 700
    assert str(found.value).isprintable()
    assert found.value.problem is not None
    assert detail == found.value.problem.detail


def test_a_closed_client_says_so(client: Client) -> None:
    client.close()
    with pytest.raises(Closed):
        client.next(SHIPMENT)


# Who asks.


def test_a_token_is_sent(service: ServiceStandIn) -> None:
    service.client(token="tn_abc").next(SHIPMENT)

    assert "Bearer tn_abc" == sent(service).headers["Authorization"]


def test_a_token_comes_from_the_environment(
    service: ServiceStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TN_TOKEN", "tn_def")
    service.client().next(SHIPMENT)

    assert "Bearer tn_def" == sent(service).headers["Authorization"]


def test_a_base_url_may_have_a_path(service: ServiceStandIn) -> None:
    service.client("https://shop.example.com/numbers/").next(SHIPMENT)

    assert "/numbers/api/next-tracking-number/" == sent(service).url.path


def test_each_call_has_a_request_id_of_its_own(service: ServiceStandIn, client: Client) -> None:
    client.next(SHIPMENT)
    client.next(SHIPMENT)

    assert 2 == len({request.headers["X-Request-ID"] for request in service.requests})


def test_the_callers_ids_are_passed_on_within_the_block(
    service: ServiceStandIn, client: Client
) -> None:
    with correlate(request_id="order-4711", traceparent=PARENT):
        client.next(SHIPMENT)
    client.next(SHIPMENT)
    within, after = (request.headers for request in service.requests)

    assert re.fullmatch(r"order-4711\.[0-9a-f]{16}", within["X-Request-ID"])
    assert PARENT == within["traceparent"]
    assert "order-4711" != after["X-Request-ID"]
    assert "traceparent" not in after


def test_a_block_within_another_keeps_what_it_does_not_give(
    service: ServiceStandIn, client: Client
) -> None:
    with correlate(request_id="order-4711"), correlate(traceparent=PARENT):
        client.next(SHIPMENT)

    assert sent(service).headers["X-Request-ID"].startswith("order-4711.")
    assert PARENT == sent(service).headers["traceparent"]


def test_a_long_id_is_cut_to_what_the_service_takes_over(
    service: ServiceStandIn, client: Client
) -> None:
    with correlate(request_id="x" * 128):
        client.next(SHIPMENT)

    assert re.fullmatch(r"x{111}\.[0-9a-f]{16}", sent(service).headers["X-Request-ID"])


@pytest.mark.parametrize("given", ["", "a\r\nb", "x" * 129, "ü"])
def test_an_id_that_has_not_the_right_form_is_not_sent(
    service: ServiceStandIn, client: Client, given: str
) -> None:
    with correlate(request_id=given, traceparent=given):
        client.next(SHIPMENT)

    assert given != sent(service).headers["X-Request-ID"]
    assert "traceparent" not in sent(service).headers
