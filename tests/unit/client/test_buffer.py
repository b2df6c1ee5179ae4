"""A buffer hands numbers out from memory, each once, and goes on while the service is away."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.oracle import duplicates
from tests.support.service_stand_in import SHIPMENT, Fault, ServiceStandIn, no_answer, problem
from tests.support.waiting import wait_until
from tracking_service.client import (
    BadRequest,
    BufferEmpty,
    Client,
    Closed,
    InvalidSetting,
    NumberBuffer,
    UnexpectedAnswer,
    Unreachable,
)

AWAY = problem(503, "database-unavailable", retry_after=5)
IN_PROGRESS = problem(409, "batch-in-progress", retry_after=1)
LEAST_A_SECOND = 500_000


@pytest.fixture
def service() -> Iterator[ServiceStandIn]:
    service = ServiceStandIn()
    yield service
    service.open.set()


def idle(service: ServiceStandIn, batches: int) -> None:
    """Wait until so many batches have been asked for."""
    wait_until(lambda: len(service.requests) >= batches, seconds=10, what=f"{batches} batches")


def take(buffer: NumberBuffer, count: int) -> list[str]:
    return [buffer.next() for _ in range(count)]


def test_numbers_come_in_the_order_of_the_service(service: ServiceStandIn) -> None:
    with service.client().buffered(SHIPMENT, 10) as buffer:
        numbers = take(buffer, 95)

    assert service.issued[:95] == numbers


def test_nothing_is_fetched_before_the_first_number_is_wanted(service: ServiceStandIn) -> None:
    buffer = service.client().buffered(SHIPMENT, 10)

    assert (0, 0) == (buffer.held, len(service.requests))
    assert 0 == buffer.close().fetched


def test_the_next_batch_is_fetched_when_half_of_one_is_left(service: ServiceStandIn) -> None:
    with service.client().buffered(SHIPMENT, 10) as buffer:
        take(buffer, 5)
        asked = len(service.requests)
        take(buffer, 1)
        idle(service, 2)
        wait_until(lambda: buffer.held == 14, seconds=10, what="the second batch")

    assert 1 == asked
    assert 2 == len(service.requests)


def test_numbers_go_on_while_the_service_hangs(service: ServiceStandIn) -> None:
    with service.client().buffered(SHIPMENT, 10) as buffer:
        first = buffer.next()
        service.open.clear()
        rest = take(buffer, 9)
        with pytest.raises(BufferEmpty):
            buffer.next(wait=0)
        service.open.set()
        after = buffer.next()

    assert service.issued[:11] == [first, *rest, after]


def test_every_batch_has_a_key_of_its_own(service: ServiceStandIn) -> None:
    with service.client().buffered(SHIPMENT, 10) as buffer:
        take(buffer, 50)

    assert len(service.keys) == len(service.requests) >= 5


def test_a_lost_answer_costs_no_number(service: ServiceStandIn) -> None:
    service.lost_answers = 3
    with service.client("http://a", "http://b").buffered(SHIPMENT, 10) as buffer:
        numbers = take(buffer, 10)

    assert service.issued[:10] == numbers


@pytest.mark.parametrize("fault", [AWAY, IN_PROGRESS])
def test_where_the_key_cannot_be_used_a_batch_is_fetched_without_one(
    service: ServiceStandIn, fault: Fault
) -> None:
    service.faults.append(fault)
    with service.client().buffered(SHIPMENT, 10) as buffer:
        numbers = take(buffer, 15)
        idle(service, 3)
        keys = ["Idempotency-Key" in request.headers for request in service.requests[:3]]
        service.now += 30
        take(buffer, 10)
        idle(service, 4)

    assert service.issued[:15] == numbers
    assert [True, False, False] == keys
    assert "Idempotency-Key" in service.requests[3].headers
    assert [] == service.pauses


def test_an_empty_buffer_says_why(service: ServiceStandIn) -> None:
    service.broken["service"] = no_answer
    with (
        service.client(random=lambda: 0.9, give_up_after=0).buffered(
            SHIPMENT, 10, wait=0.05
        ) as buffer,
        pytest.raises(BufferEmpty) as found,
    ):
        buffer.next()

    assert isinstance(found.value.__cause__, Unreachable)
    assert "http://service did not answer" in str(found.value)
    assert found.value.retry_after is not None


def test_a_refusal_ends_the_wait(service: ServiceStandIn) -> None:
    faults = [{"parameter": "weight", "message": "must be above 0"}]
    service.broken["service"] = problem(400, "invalid-request", errors=faults)
    with (
        service.client().buffered(SHIPMENT, 10) as buffer,
        pytest.raises(BufferEmpty) as found,
    ):
        buffer.next()

    assert isinstance(found.value.__cause__, BadRequest)
    assert {"weight": ("must be above 0",)} == found.value.__cause__.errors
    assert found.value.problem == found.value.__cause__.problem


def test_a_buffer_gets_over_a_refusal(service: ServiceStandIn) -> None:
    service.faults.append(problem(403, "foreign-series"))
    with service.client().buffered(SHIPMENT, 10) as buffer:
        with pytest.raises(BufferEmpty):
            buffer.next()
        number = buffer.next()

    assert service.issued[0] == number


def test_a_buffer_gets_over_what_nobody_expected(service: ServiceStandIn) -> None:
    def fault(request: object) -> object:
        raise ZeroDivisionError("planted")

    service.faults.append(fault)  # type: ignore[arg-type]  # a fault that is no answer
    with service.client().buffered(SHIPMENT, 10) as buffer:
        with pytest.raises(BufferEmpty) as found:
            buffer.next()
        number = buffer.next()

    assert isinstance(found.value.__cause__, ZeroDivisionError)
    assert service.issued[0] == number


def test_retry_after_is_honoured_in_the_background(service: ServiceStandIn) -> None:
    service.broken["service"] = problem(503, "series-exhausted", retry_after=3600)
    with service.client().buffered(SHIPMENT, 10, wait=60) as buffer:
        with pytest.raises(BufferEmpty) as found:
            buffer.next()
        with pytest.raises(BufferEmpty):
            buffer.next()

    assert 1 == len(service.requests)
    assert 3600 == found.value.retry_after


def test_a_buffer_does_not_rest_for_longer_than_an_hour(service: ServiceStandIn) -> None:
    service.faults.append(problem(503, "series-exhausted", retry_after=999_999_999))
    with (
        service.client().buffered(SHIPMENT, 10, wait=60) as buffer,
        pytest.raises(BufferEmpty) as found,
    ):
        buffer.next()

    assert 3600 == found.value.retry_after


@pytest.mark.parametrize("size", [0, -1, 100_001])
def test_a_size_that_the_service_does_not_issue_is_refused(
    service: ServiceStandIn, size: int
) -> None:
    with pytest.raises(ValueError, match="size must be from 1 to 100,000"):
        service.client().buffered(SHIPMENT, size)


def test_a_thread_that_cannot_be_started_is_started_later(
    service: ServiceStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with service.client().buffered(SHIPMENT, 10) as buffer:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(BufferEmpty):
                buffer.next(wait=0)

        taken = take(buffer, 1)
        assert service.issued[:1] == taken


def test_a_buffer_of_one_works(service: ServiceStandIn) -> None:
    with service.client().buffered(SHIPMENT, 1) as buffer:
        numbers = take(buffer, 20)

    assert service.issued[:20] == numbers


# The end.


def test_close_reports_what_was_fetched_and_not_used(service: ServiceStandIn) -> None:
    buffer = service.client().buffered(SHIPMENT, 10)
    take(buffer, 3)
    report = buffer.close()

    assert (10, 3, tuple(service.issued[3:]), False) == (
        report.fetched,
        report.used,
        report.unused,
        report.kept,
    )
    assert report is buffer.close()


def test_a_closed_buffer_hands_out_nothing(service: ServiceStandIn) -> None:
    buffer = service.client().buffered(SHIPMENT, 10)
    buffer.next()
    buffer.close()
    with pytest.raises(Closed):
        buffer.next()


def test_close_wakes_those_who_wait_and_waits_for_nobody(service: ServiceStandIn) -> None:
    service.open.clear()
    buffer = service.client().buffered(SHIPMENT, 10)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            buffer.next()
        except Closed as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(thread.is_alive, seconds=10, what="the thread")
    report = buffer.close()
    thread.join(10)

    assert (1, 0) == (len(caught), report.fetched)


def test_threads_get_each_number_once_and_a_close_amid_them_loses_none(
    service: ServiceStandIn,
) -> None:
    buffer = service.client().buffered(SHIPMENT, 50)
    found: list[list[str]] = [[] for _ in range(8)]

    def drain(mine: list[str]) -> None:
        try:
            while True:
                mine.append(buffer.next())
        except Closed:
            pass

    threads = [threading.Thread(target=drain, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    idle(service, 100)
    report = buffer.close()
    for thread in threads:
        thread.join(10)
    numbers = [number for mine in found for number in mine]

    assert {} == duplicates([*numbers, *report.unused])
    # One that a thread had taken as the buffer closed is not handed out.
    assert report.used - len(threads) <= len(numbers) <= report.used


def test_a_client_that_is_closed_first_ends_the_buffer(service: ServiceStandIn) -> None:
    client = service.client()
    buffer = client.buffered(SHIPMENT, 10)
    take(buffer, 3)
    client.close()
    rest = take(buffer, 7)
    with pytest.raises(Closed, match="the client of the buffer is closed"):
        buffer.next()
    buffer.close()

    assert service.issued[3:10] == rest


def test_a_client_that_is_closed_amid_a_fetch_ends_the_wait(service: ServiceStandIn) -> None:
    service.broken["service"] = problem(503, "no-number-now", retry_after=20)
    client = Client(
        "http://service",
        open_http=lambda: httpx2.Client(transport=httpx2.MockTransport(service.answer)),
    )
    with client.buffered(SHIPMENT, 10) as buffer:
        timer = threading.Timer(0.2, client.close)
        timer.start()
        began = time.monotonic()
        with pytest.raises(Closed):
            buffer.next()
        timer.join()

    assert time.monotonic() - began < 15


def test_a_fetch_that_ends_with_the_client_is_told_to_nobody(
    service: ServiceStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    service.broken["service"] = problem(503, "no-number-now", retry_after=20)
    client = Client(
        "http://service",
        open_http=lambda: httpx2.Client(transport=httpx2.MockTransport(service.answer)),
    )
    buffer = client.buffered(SHIPMENT, 10)
    others = set(threading.enumerate())
    with pytest.raises(BufferEmpty):
        buffer.next(0)
    (thread,) = set(threading.enumerate()) - others
    idle(service, 1)
    buffer.close()
    client.close()
    thread.join(5)

    assert not thread.is_alive()
    # Those of earlier tests' threads may still write, and the HTTP library tells of each request.
    assert [] == [
        record
        for record in caplog.records
        if record.thread == thread.ident and record.name.startswith("tracking_service")
    ]


def test_a_refusal_is_asked_for_once(service: ServiceStandIn) -> None:
    service.broken["service"] = problem(400, "invalid-request")
    with service.client().buffered(SHIPMENT, 10) as buffer:
        for _ in range(5):
            with pytest.raises(BufferEmpty):
                buffer.next()

    assert 5 == len(service.requests)


@pytest.mark.parametrize("wait", [-1.0, float("nan")])
def test_a_wait_that_is_none_is_refused(service: ServiceStandIn, wait: float) -> None:
    with pytest.raises(InvalidSetting, match="wait must be 0 or above"):
        service.client().buffered(SHIPMENT, 10, wait=wait)


def test_a_wait_that_is_not_a_number_is_none(service: ServiceStandIn) -> None:
    service.open.clear()
    with service.client().buffered(SHIPMENT, 10) as buffer, pytest.raises(BufferEmpty):
        buffer.next(float("nan"))


def test_an_answer_with_a_number_twice_is_not_used(service: ServiceStandIn) -> None:
    twice = {"tracking_numbers": ["MYID1", "MYID1"], "created_at": "2026-11-25T06:08:59Z"}
    service.broken["service"] = lambda request: httpx2.Response(201, json=twice)
    with (
        service.client().buffered(SHIPMENT, 2) as buffer,
        pytest.raises(BufferEmpty) as found,
    ):
        buffer.next()

    assert isinstance(found.value.__cause__, UnexpectedAnswer)


# How fast.


def test_a_buffer_hands_out_half_a_million_numbers_a_second(service: ServiceStandIn) -> None:
    # The best of some rounds, and this thread's time alone: the machine has others to serve.
    with service.client().buffered(SHIPMENT, 100_000) as buffer:
        buffer.next()
        rates = []
        for _ in range(5):
            began = time.thread_time()
            take(buffer, 40_000)
            rates.append(40_000 / (time.thread_time() - began))
            wait_until(lambda: buffer.held >= 50_000, seconds=30, what="the next batch")

    assert max(rates) > LEAST_A_SECOND


# With a spool, whose own rules are in test_spool.py.


def test_unused_numbers_are_the_next_buffers(service: ServiceStandIn, tmp_path: Path) -> None:
    client = service.client()
    with client.buffered(SHIPMENT, 10, spool=tmp_path / "spool") as buffer:
        first = take(buffer, 3)
    report = buffer.close()
    with client.buffered(SHIPMENT, 10, spool=tmp_path / "spool") as buffer:
        held = buffer.held
        rest = take(buffer, 7)

    assert service.issued[:10] == first + rest
    assert (7, True, tuple(rest)) == (held, report.kept, report.unused)


def test_a_spool_goes_on_while_the_service_is_away(service: ServiceStandIn, tmp_path: Path) -> None:
    client = service.client()
    with client.buffered(SHIPMENT, 100, spool=tmp_path / "spool") as buffer:
        buffer.next()
        service.open.clear()
        numbers = take(buffer, 99)
        service.open.set()

    assert service.issued[1:100] == numbers


def test_the_next_batch_comes_before_the_spool_is_empty(
    service: ServiceStandIn, tmp_path: Path
) -> None:
    with service.client().buffered(SHIPMENT, 100, spool=tmp_path / "spool") as buffer:
        take(buffer, 70)
        wait_until(lambda: buffer.held >= 130, seconds=10, what="the second batch")
        numbers = take(buffer, 500)

    assert service.issued[70:570] == numbers


def test_a_spool_that_cannot_be_written_stops_nobody(
    service: ServiceStandIn, tmp_path: Path
) -> None:
    path = tmp_path / "spool"
    with service.client().buffered(SHIPMENT, 100, spool=path) as buffer:
        first = take(buffer, 1)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        try:
            numbers = first + take(buffer, 300)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    report = buffer.close()

    assert {} == duplicates(numbers)
    assert not report.kept
