"""A signal's handler may call what it interrupts: nothing hangs, and no number comes twice.

The handler is called where it would be of harm, instead of being waited for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.service_stand_in import SHIPMENT, ServiceStandIn
from tracking_service.client import BufferEmpty, Client, Closed


class Once:
    """Calls a handler where it is called first."""

    def __init__(self) -> None:
        self.handler: Callable[[], object] | None = None

    def __call__(self) -> None:
        handler, self.handler = self.handler, None
        if handler is not None:
            handler()


class Locked(httpx2.BaseTransport):
    """Has a lock while it sends, as the library's own has at times."""

    def __init__(self, service: ServiceStandIn, interrupt: Once) -> None:
        self._answer = service.answer
        self._interrupt = interrupt
        self._lock = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self._lock.acquire(timeout=1), "the handler waits for what it interrupts"
        try:
            self._interrupt()
            return self._answer(request)
        finally:
            self._lock.release()

    def close(self) -> None:
        assert self._lock.acquire(timeout=1), "the handler waits for what it interrupts"
        self._lock.release()


@pytest.fixture
def interrupt() -> Once:
    return Once()


@pytest.fixture
def service() -> ServiceStandIn:
    return ServiceStandIn()


@pytest.fixture
def client(service: ServiceStandIn, interrupt: Once) -> Client:
    return Client(
        "http://service",
        open_http=lambda: httpx2.Client(transport=Locked(service, interrupt)),
    )


def test_a_handler_may_call_amid_a_call(client: Client, interrupt: Once) -> None:
    numbers = []
    interrupt.handler = lambda: numbers.append(client.next(SHIPMENT).tracking_number)
    numbers += [client.next(SHIPMENT).tracking_number for _ in range(2)]

    assert 3 == len(set(numbers))


def test_a_handler_may_close_amid_a_call(client: Client, interrupt: Once) -> None:
    interrupt.handler = client.close
    for _ in range(2):
        with pytest.raises(Closed):
            client.next(SHIPMENT)


@pytest.fixture
def synced(interrupt: Once, monkeypatch: pytest.MonkeyPatch) -> Once:
    """Interrupts the next write of a spool, before it is on disk."""
    sync = os.fsync

    def interrupted(descriptor: int) -> None:
        interrupt()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted)
    return interrupt


def test_a_handler_takes_nothing_from_a_spool_that_is_being_written(
    service: ServiceStandIn, synced: Once, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    caught: list[object] = []

    def handler() -> None:
        with pytest.raises(BufferEmpty, match="the spool is being written") as found:
            buffer.next(0)
        caught.append(found)

    # Two are taken from the spool at a time.
    buffer = service.client().buffered(SHIPMENT, 20, spool=spool)
    numbers = [buffer.next(), buffer.next()]
    synced.handler = handler
    numbers += [buffer.next() for _ in range(4)]
    left = buffer.close().unused

    assert 1 == len(caught)
    assert service.issued[:20] == [*numbers, *left][:20]


def test_a_handler_may_close_a_buffer_whose_spool_is_being_written(
    service: ServiceStandIn, synced: Once, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    buffer = service.client().buffered(SHIPMENT, 20, spool=spool)
    numbers = [buffer.next(), buffer.next()]
    synced.handler = buffer.close
    with pytest.raises(Closed):
        buffer.next()
    with service.client().buffered(SHIPMENT, 20, spool=spool) as again:
        numbers += [again.next() for _ in range(10)]

    assert 12 == len(set(numbers))
