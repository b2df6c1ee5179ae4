"""The client for threads; `AsyncClient` is the same for tasks."""

import random as chance
import time
from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import httpx2

from tracking_service.client import answers, environment, forks, requests, settings
from tracking_service.client.answers import Batch, IssuedNumber, VerifiedNumber
from tracking_service.client.buffer import NumberBuffer
from tracking_service.client.errors import ClientError, UnexpectedAnswer
from tracking_service.client.exchange import Exchange
from tracking_service.client.fetcher import FETCH_FINAL
from tracking_service.client.requests import Request
from tracking_service.client.sender import NO_ANSWER, Sender
from tracking_service.client.shipment import Shipment

T = TypeVar("T")


def _open() -> httpx2.Client:
    with environment.faults():
        return httpx2.Client(limits=settings.LIMITS, cookies=settings.no_cookies())


class Client:
    """Calls the service over kept connections. Any number of threads may share one.

    Every call raises `Refused` where the request is at fault, `Unavailable` where no instance gave
    an answer in time, `UnexpectedAnswer` where something else answers; all are `ClientError`.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        token: str | None = None,
        timeout: float = 10.0,
        give_up_after: float = 30.0,
        open_http: Callable[[], httpx2.Client] = _open,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        random: Callable[[], float] = chance.random,
    ) -> None:
        """`urls` are base URLs of the service, such as `http://127.0.0.1:8000`; any may be down.

        `token` is by default that of the environment variable TN_TOKEN, if there is one.
        `timeout` bounds each attempt, to the last byte of its answer, and `give_up_after` the time
        in which attempts are begun, both in seconds. `open_http` makes the HTTP client, for
        proxies and certificates of your own; it is called again after a fork, and for a call that
        a signal's handler makes amid another. `clock`, `sleep` and `random` (evenly from [0, 1))
        are there for tests. Raises InvalidSetting, which is a ValueError.
        """
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
        self._sender = Sender(open_http, timeout=timeout, clock=clock, sleep=sleep)
        # Replaced in each forked child: tells a call whether its answer is the parent's.
        self._process = object()
        forks.reset_in_children(self)

    def next(
        self,
        shipment: Shipment,
        *,
        series: str | None = None,
        idempotency_key: str | None = None,
    ) -> IssuedNumber:
        """Get one number. A repeated attempt may leave a number unused; it never gives one twice.

        With an `idempotency_key`, such as the order's id, all attempts carry it, so that none
        leaves a number unused, and asking again gives the same number, after a crash of the caller
        too; the service then needs its database.
        """
        asked = requests.next_number(shipment, series, idempotency_key=idempotency_key)
        if idempotency_key is not None:
            return self._call(asked, answers.read_number)
        return self._in_one_process(lambda: self._call(asked, answers.read_number))

    def batch(
        self,
        shipment: Shipment,
        count: int,
        *,
        series: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Get `count` numbers, 1 to 100,000, for one shipment's data.

        All attempts carry one idempotency key, by default a new one, so that they give the same
        numbers. Raises BadRequest for a key that the service refuses.
        """
        if idempotency_key is not None:
            return self._issue(shipment, count, series, idempotency_key)
        return self._in_one_process(lambda: self._issue(shipment, count, series, uuid4().hex))

    def verify(self, number: str) -> VerifiedNumber:
        """Look a number up as people type it. Raises InvalidNumber, UnknownNumber."""
        return self._call(requests.verify(number), answers.read_verified)

    def barcode(self, number: str) -> str:
        """Get a number's barcode as an SVG document. Raises InvalidNumber."""
        return self._call(requests.barcode(number), answers.read_barcode)

    def buffered(
        self,
        shipment: Shipment,
        size: int = 1000,
        *,
        series: str | None = None,
        spool: str | PathLike[str] | None = None,
        wait: float = 30.0,
    ) -> NumberBuffer:
        """Return a buffer that hands numbers out from memory; close it before the client.

        `size`, 1 to 100,000, is how many are fetched at a time; the next ones are fetched when half
        of that is left. `wait` is how long its `next` waits when none is left, in seconds. `spool`
        is a file of its own in which unused numbers outlive the process. Raises SpoolError.
        """
        return NumberBuffer(
            partial(self._issue, shipment, size, series, final=FETCH_FINAL),
            size=size,
            wait=wait,
            spool=spool,
            lane=(shipment.origin_country_id, shipment.destination_country_id, series or "default"),
            services=sorted(endpoint.url for endpoint in self._terms.endpoints.in_order()),
            clock=self._terms.clock,
            random=self._terms.random,
        )

    def close(self) -> None:
        """End the calls that are on their way, and all later ones, with Closed.

        A connection that is being made may take until the time-out to notice.
        """
        self._sender.close()

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent. Called in every forked child."""
        self._process = object()
        self._sender.reset_after_fork()

    def _in_one_process(self, call: Callable[[], T]) -> T:
        """Call again in a child that a signal's handler forked amid the call.

        The answer that it has is the parent's.
        """
        while True:
            process = self._process
            try:
                answer = call()
            except ClientError:
                if process is self._process:
                    raise
                continue
            # No call stands between this check and the return: a handler runs at calls.
            if process is self._process:
                return answer

    def _issue(
        self,
        shipment: Shipment,
        count: int,
        series: str | None,
        idempotency_key: str | None,
        *,
        final: tuple[type[ClientError], ...] = (),
    ) -> Batch:
        asked = requests.batch(shipment, count, series, idempotency_key=idempotency_key)
        read = partial(answers.read_batch, count=count, idempotency_key=idempotency_key)
        return self._call(asked, read, final=final)

    def _call(
        self,
        request: Request,
        read: Callable[[bytes], T],
        *,
        final: tuple[type[ClientError], ...] = (),
    ) -> T:
        exchange = Exchange(self._terms, request, read, final=final)
        while True:
            attempt = exchange.next_attempt()
            self._sender.pause(attempt.pause)
            try:
                answer = self._sender.send(attempt, exchange.check_head)
            except NO_ANSWER as error:
                crowded = isinstance(error, httpx2.PoolTimeout)
                exchange.not_answered(attempt, error, crowded=crowded)
                continue
            except UnexpectedAnswer as error:
                exchange.not_of_use(attempt, error)
                continue
            if (found := exchange.answered(attempt, answer)) is not None:
                return found[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
