"""The client for tasks of an event loop; `Client` is the same for threads."""

import asyncio
import random as chance
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import httpx2

from tracking_service.client import answers, environment, forks, requests, settings
from tracking_service.client.answers import Batch, IssuedNumber, VerifiedNumber
from tracking_service.client.async_sender import AsyncSender
from tracking_service.client.errors import UnexpectedAnswer
from tracking_service.client.exchange import Exchange
from tracking_service.client.requests import Request
from tracking_service.client.sender import NO_ANSWER
from tracking_service.client.shipment import Shipment

T = TypeVar("T")


def _open() -> httpx2.AsyncClient:
    with environment.faults():
        return httpx2.AsyncClient(limits=settings.LIMITS, cookies=settings.no_cookies())


class AsyncClient:
    """Calls the service over kept connections. Any number of tasks may share one, of any event loop.

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
        if open_http is _open:
            environment.check()
        self._sender = AsyncSender(open_http, timeout=timeout, sleep=sleep)
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
        return await self._call(asked, answers.read_number)

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
        read = partial(answers.read_batch, count=count, idempotency_key=key)
        return await self._call(asked, read)

    async def verify(self, number: str) -> VerifiedNumber:
        """See `Client.verify`."""
        return await self._call(requests.verify(number), answers.read_verified)

    async def barcode(self, number: str) -> str:
        """See `Client.barcode`."""
        return await self._call(requests.barcode(number), answers.read_barcode)

    async def aclose(self) -> None:
        """End the calls that are on their way, and all later ones, with Closed."""
        await self._sender.aclose()

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent. Called in every forked child."""
        self._sender.reset_after_fork()

    async def _call(self, request: Request, read: Callable[[bytes], T]) -> T:
        exchange = Exchange(self._terms, request, read)
        while True:
            attempt = exchange.next_attempt()
            await self._sender.pause(attempt.pause)
            try:
                answer = await self._sender.send(attempt, exchange.check_head)
            except NO_ANSWER as error:
                crowded = isinstance(error, httpx2.PoolTimeout)
                exchange.not_answered(attempt, error, crowded=crowded)
                continue
            except UnexpectedAnswer as error:
                exchange.not_of_use(attempt, error)
                continue
            if (found := exchange.answered(attempt, answer)) is not None:
                return found[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
