"""The client for tasks of an event loop; `Client` is the same for threads."""

import asyncio
import random as chance
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx2

from tracking_service.client import answers, forks, requests, settings
from tracking_service.client.answers import Batch, IssuedNumber, VerifiedNumber
from tracking_service.client.errors import Closed
from tracking_service.client.exchange import Exchange
from tracking_service.client.requests import Request
from tracking_service.client.shipment import Shipment


def _open() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(limits=settings.LIMITS)


class AsyncClient:
    """Calls the service over kept connections. Any number of tasks of one event loop may share one.

    Calls, arguments and errors are those of `Client`. A task that is cancelled while it asks for
    numbers leaves them unused.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        token: str | None = None,
        timeout: float = 10.0,
        give_up_after: float = 30.0,
        open_http: Callable[[], httpx2.AsyncClient] = _open,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = chance.random,
    ) -> None:
        """See `Client`. On another event loop than asyncio's, give that one's `sleep`."""
        self._terms = settings.terms(
            urls,
            token=token,
            timeout=timeout,
            give_up_after=give_up_after,
            clock=clock,
            random=random,
        )
        self._open_http = open_http
        self._sleep = sleep
        self._closed = False
        self._http: httpx2.AsyncClient | None = None
        forks.reset_in_children(self)

    async def next(
        self,
        shipment: Shipment,
        *,
        series: str | None = None,
        idempotency_key: str | None = None,
    ) -> IssuedNumber:
        """See `Client.next`."""
        asked = requests.next_number(shipment, series, idempotency_key=idempotency_key)
        return answers.read_number(await self._call(asked))

    async def batch(
        self,
        shipment: Shipment,
        count: int,
        *,
        series: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """See `Client.batch`."""
        key = uuid4().hex if idempotency_key is None else idempotency_key
        asked = requests.batch(shipment, count, series, idempotency_key=key)
        return answers.read_batch(await self._call(asked), count, key)

    async def verify(self, number: str) -> VerifiedNumber:
        """See `Client.verify`."""
        return answers.read_verified(await self._call(requests.verify(number)))

    async def barcode(self, number: str) -> str:
        """See `Client.barcode`."""
        return answers.read_barcode(await self._call(requests.barcode(number)))

    async def aclose(self) -> None:
        """Close the connections; later calls raise Closed."""
        self._closed = True
        if self._http is not None:
            await self._http.aclose()

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent. Called in every forked child."""
        forks.keep(self._http)
        self._http = None

    async def _call(self, request: Request) -> bytes:
        exchange = Exchange(self._terms, request)
        while True:
            attempt = exchange.next_attempt()
            if attempt.pause > 0:
                await self._sleep(attempt.pause)
            try:
                response = await self._connections().request(
                    request.method,
                    attempt.url,
                    content=request.body,
                    headers=exchange.headers,
                    timeout=self._terms.timeout,
                )
            except httpx2.RequestError as error:
                exchange.not_answered(attempt, error)
                continue
            except RuntimeError as error:
                if self._closed:
                    raise Closed("the client was closed amid the call") from error
                raise
            body = response.content
            if exchange.answered(attempt, response.status_code, response.headers, body):
                return body

    def _connections(self) -> httpx2.AsyncClient:
        if self._closed:
            raise Closed("the client is closed")
        if self._http is None:
            self._http = self._open_http()
        return self._http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
