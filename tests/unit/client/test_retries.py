"""An attempt is repeated where that may help, elsewhere first, in bounded time, and never doubles."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest

from tests.support.service_stand_in import (
    SHIPMENT,
    Fault,
    ServiceStandIn,
    answer,
    cut_off,
    no_answer,
    problem,
)
from tracking_service.client import (
    Refused,
    RequestInProgress,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)

A, B, C = "http://a", "http://b", "http://c"
BUSY = problem(503, "no-number-now", retry_after=1)


@pytest.fixture
def service() -> ServiceStandIn:
    return ServiceStandIn()


@pytest.mark.parametrize("fault", [no_answer, cut_off, BUSY, answer(502, ""), answer(504, "")])
def test_another_instance_is_asked_at_once(service: ServiceStandIn, fault: Fault) -> None:
    service.broken["a"] = fault
    service.client(A, B).next(SHIPMENT)

    assert ["a", "b"] == service.hosts()
    assert [] == service.pauses


def test_a_client_stays_with_an_instance_that_answers(service: ServiceStandIn) -> None:
    client = service.client(A, B)
    service.faults.append(no_answer)
    for _ in range(3):
        client.next(SHIPMENT)

    assert ["a", "b", "b", "b"] == service.hosts()


def test_clients_start_at_random_instances(service: ServiceStandIn) -> None:
    for chance in (0.0, 0.4, 0.99):
        service.client(A, B, C, random=lambda chance=chance: chance).next(SHIPMENT)

    assert ["a", "b", "c"] == service.hosts()


def test_an_instance_that_failed_is_asked_again_when_the_others_fail(
    service: ServiceStandIn,
) -> None:
    service.faults.extend([no_answer, no_answer, no_answer])
    service.client(A, B).next(SHIPMENT)

    assert ["a", "b", "a", "b"] == service.hosts()


def test_a_repeated_batch_gives_the_numbers_of_the_lost_answer(service: ServiceStandIn) -> None:
    service.lost_answers = 2
    batch = service.client(A, B).batch(SHIPMENT, 5)

    assert ["a", "b", "a"] == service.hosts()
    assert service.issued == list(batch.tracking_numbers)
    assert 1 == len({request.headers["Idempotency-Key"] for request in service.requests})
    assert 1 == len({request.content for request in service.requests})
    ids = [request.headers["X-Request-ID"] for request in service.requests]
    assert 3 == len(set(ids))
    assert 1 == len({each.partition(".")[0] for each in ids})


def test_a_repeated_next_leaves_the_lost_number_unused(service: ServiceStandIn) -> None:
    service.lost_answers = 1
    issued = service.client(A).next(SHIPMENT)

    assert service.issued[1:] == [issued.tracking_number]


def test_a_repeated_next_with_a_key_gives_the_number_of_the_lost_answer(
    service: ServiceStandIn,
) -> None:
    service.lost_answers = 2
    issued = service.client(A, B).next(SHIPMENT, idempotency_key="order-1")

    assert ["a", "b", "a"] == service.hosts()
    assert service.issued == [issued.tracking_number]
    assert ["order-1"] * 3 == [request.headers["Idempotency-Key"] for request in service.requests]


def test_a_key_that_is_being_answered_is_waited_for(service: ServiceStandIn) -> None:
    service.faults.extend([problem(409, "batch-in-progress", retry_after=1)] * 3)
    service.client(A).batch(SHIPMENT, 1)

    assert [1.0, 1.0, 1.0] == service.pauses


def test_retry_after_is_the_least_pause_before_the_same_instance_is_asked(
    service: ServiceStandIn,
) -> None:
    service.broken["a"] = problem(503, "no-number-now", retry_after=7)
    client = service.client(A, give_up_after=20)
    with pytest.raises(Unavailable) as found:
        client.next(SHIPMENT)

    assert [7.0, 7.0] == service.pauses
    assert 7.0 == found.value.retry_after


def test_a_pause_has_full_jitter_on_top_of_retry_after(service: ServiceStandIn) -> None:
    service.faults.extend([BUSY] * 3)
    service.client(A, random=lambda: 0.5).next(SHIPMENT)

    assert pytest.approx([1.05, 1.1, 1.2]) == service.pauses


def test_pauses_grow_to_a_bound(service: ServiceStandIn) -> None:
    service.faults.extend([no_answer] * 9)
    service.client(A, random=lambda: 0.999999).next(SHIPMENT)

    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert pytest.approx(expected, rel=1e-3) == service.pauses


def test_the_time_of_a_call_is_bounded(service: ServiceStandIn) -> None:
    service.broken["a"] = no_answer
    began = service.now
    with pytest.raises(Unreachable) as found:
        service.client(A, random=lambda: 0.9, give_up_after=12).next(SHIPMENT)

    assert service.now - began < 12
    assert isinstance(found.value.__cause__, httpx2.ConnectError)
    assert "http://a did not answer: connection refused" in str(found.value)


def test_a_pause_that_would_be_too_long_is_not_begun(service: ServiceStandIn) -> None:
    service.broken["a"] = problem(503, "series-exhausted", retry_after=3600)
    with pytest.raises(Unavailable) as found:
        service.client(A).next(SHIPMENT)

    assert [] == service.pauses
    assert 3600 == found.value.retry_after


def test_each_call_makes_an_attempt_even_where_all_failed_a_moment_ago(
    service: ServiceStandIn,
) -> None:
    client = service.client(A, random=lambda: 0.9, give_up_after=0)
    service.faults.append(no_answer)
    with pytest.raises(Unreachable):
        client.next(SHIPMENT)
    client.next(SHIPMENT)

    assert 1 == len(service.issued)


def test_what_one_series_lacks_holds_up_no_other(service: ServiceStandIn) -> None:
    client = service.client(A)
    service.faults.append(problem(503, "series-exhausted", retry_after=3600))
    with pytest.raises(Unavailable):
        client.next(SHIPMENT, series="full")
    client.next(SHIPMENT)

    assert [] == service.pauses


@pytest.mark.parametrize(
    "until, pauses",
    [
        ("Fri, 27 Nov 2026 07:28:07 GMT", [7.0]),
        ("Fri, 27 Nov 2026 07:27:00 GMT", []),
        ("Fri, 27 Nov 2026 07:28:07", []),
        ("soon", []),
    ],
)
def test_retry_after_as_a_date_counts_from_the_answers_own(
    service: ServiceStandIn, until: str, pauses: list[float]
) -> None:
    dates = {"Retry-After": until, "Date": "Fri, 27 Nov 2026 07:28:00 GMT"}
    service.faults.append(lambda request: httpx2.Response(503, headers=dates))
    service.client(A).next(SHIPMENT)

    assert pauses == service.pauses


@pytest.mark.parametrize(
    "fault",
    [
        answer(500, "<h1>It works!</h1>"),
        answer(404, "<h1>Not Found</h1>"),
        problem(500, "internal"),
        problem(404, "not-found"),
        answer(200, "{}"),
    ],
)
def test_what_a_sound_instance_does_not_say_is_asked_of_another(
    service: ServiceStandIn, fault: Fault
) -> None:
    service.broken["a"] = fault
    service.client(A, B).next(SHIPMENT)

    assert ["a", "b"] == service.hosts()
    assert [] == service.pauses


def test_what_no_instance_answers_soundly_ends_the_call(service: ServiceStandIn) -> None:
    service.broken["a"] = service.broken["b"] = answer(500, "<h1>It works!</h1>")
    with pytest.raises(UnexpectedAnswer):
        service.client(A, B).next(SHIPMENT)

    assert ["a", "b"] == service.hosts()


def test_an_unsound_instance_does_not_end_the_wait_for_the_others(
    service: ServiceStandIn,
) -> None:
    service.broken["a"] = answer(500, "<h1>It works!</h1>")
    service.faults.extend([answer(500, ""), BUSY])
    service.client(A, B).next(SHIPMENT)

    assert ["a", "b", "b"] == service.hosts()


def test_later_calls_begin_elsewhere_where_something_else_answers(
    service: ServiceStandIn,
) -> None:
    client = service.client(A, B, give_up_after=0)
    service.echoes = False
    with pytest.raises(UnexpectedAnswer):
        client.next(SHIPMENT)
    service.echoes = True
    client.next(SHIPMENT)

    assert ["a", "b"] == service.hosts()


@pytest.mark.parametrize("fault", [problem(400, "invalid-request"), problem(422, "reused")])
def test_a_refusal_is_final(service: ServiceStandIn, fault: Fault) -> None:
    service.broken["a"] = fault
    with pytest.raises(Refused):
        service.client(A, B).next(SHIPMENT)

    assert ["a"] == service.hosts()


def test_connections_that_are_all_in_use_are_no_fault_of_the_instance(
    service: ServiceStandIn,
) -> None:
    def crowded(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.PoolTimeout("no connection is free", request=request)

    client = service.client(A, B, give_up_after=0)
    service.faults.append(crowded)
    with pytest.raises(Unavailable, match="all connections of this client are in use"):
        client.next(SHIPMENT)
    client.next(SHIPMENT)

    assert ["a", "a"] == service.hosts()


def test_a_key_that_stays_in_use_ends_the_call(service: ServiceStandIn) -> None:
    service.broken["a"] = problem(409, "batch-in-progress", retry_after=1)
    with pytest.raises(RequestInProgress):
        service.client(A).batch(SHIPMENT, 1)

    assert [1.0] * 29 == service.pauses


def test_an_async_client_repeats_alike(service: ServiceStandIn) -> None:
    async def call() -> tuple[str, ...]:
        async with service.async_client(A, B) as client:
            return (await client.batch(SHIPMENT, 5)).tracking_numbers

    service.lost_answers = 1
    service.faults.extend([BUSY, BUSY])
    numbers = asyncio.run(call())

    assert service.issued == list(numbers)
    assert ["a", "b", "a", "b"] == service.hosts()
    assert [1.0] == service.pauses


def test_threads_that_share_a_client_get_numbers_of_their_own(service: ServiceStandIn) -> None:
    client = service.client(A, B)
    service.faults.extend([no_answer, cut_off, BUSY] * 5)
    numbers: list[str] = []

    def ask() -> None:
        numbers.extend(client.next(SHIPMENT).tracking_number for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(service.issued) == sorted(numbers)
