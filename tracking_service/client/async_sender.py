"""Sends the attempts of an `AsyncClient` over kept connections; `Sender` does so for threads."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio
import httpx2

from tracking_service.client import forks
from tracking_service.client.errors import Closed, UnexpectedAnswer
from tracking_service.client.exchange import Answer, Attempt
from tracking_service.client.sender import NO_ANSWER, CheckHead, times

T = TypeVar("T")


class AsyncSender:
    """The connections of one client, in each event loop its own: they belong to it."""

    def __init__(
        self,
        open_http: Callable[[], httpx2.AsyncClient],
        *,
        timeout: float,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """`timeout` is in seconds."""
        self._open_http = open_http
        self._timeout = timeout
        self._sleep = sleep
        self._closed = False
        self._waits: dict[anyio.CancelScope, object] = {}
        """What is waited in, with its event loop."""
        self._by_loop: dict[object, httpx2.AsyncClient] = {}

    async def pause(self, seconds: float) -> None:
        """Wait, or until `aclose`, which raises Closed here."""
        if seconds > 0 and not self._closed:
            await self._until_closed(self._sleep(seconds), anyio.CancelScope())

    async def send(self, attempt: Attempt, check_head: CheckHead) -> Answer:
        """See `Sender.send`."""
        http = self._connections()
        scope = anyio.CancelScope(deadline=anyio.current_time() + self._timeout)
        try:
            answer = await self._until_closed(self._send(http, attempt, check_head), scope)
        except (*NO_ANSWER, RuntimeError) as error:
            if self._closed:
                raise Closed("the client was closed amid the call") from error
            raise
        if answer is None:
            raise TimeoutError("the answer took longer than the time-out")
        return answer

    async def aclose(self) -> None:
        """End what is on its way on any event loop, and close the connections of this one.

        Those of another loop go with it. Later calls raise Closed.
        """
        self._closed = True
        here = _loop()
        for scope, loop in list(self._waits.items()):
            if loop is not here and isinstance(loop, asyncio.AbstractEventLoop):
                # From another thread nothing but this wakes a loop. One that has ended waits no more.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(scope.cancel)
            else:
                scope.cancel()
        http = self._by_loop.pop(here, None)
        if http is not None:
            await http.aclose()

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent."""
        forks.keep(list(self._by_loop.values()))
        self._by_loop = {}
        self._waits = {}

    async def _until_closed(self, work: Awaitable[T], scope: anyio.CancelScope) -> T | None:
        """Return what comes of `work`; None where its time was up. Raises Closed."""
        self._waits[scope] = _loop()
        if self._closed:
            # By another thread, which may not have seen this scope.
            scope.cancel()
        result: T | None = None
        try:
            with scope:
                result = await work
        finally:
            self._waits.pop(scope, None)
        if self._closed and scope.cancelled_caught:
            raise Closed("the client was closed amid the call")
        return result

    async def _send(
        self, http: httpx2.AsyncClient, attempt: Attempt, check_head: CheckHead
    ) -> Answer:
        async with http.stream(
            attempt.method,
            attempt.url,
            content=attempt.body,
            headers=attempt.headers,
            timeout=times(self._timeout),
            follow_redirects=False,
        ) as response:
            most = check_head(attempt, response.status_code, response.headers)
            body = bytearray()
            if most:
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > most:
                        raise UnexpectedAnswer(f"the body is longer than {most:,} bytes")
            return Answer(response.status_code, response.headers, bytes(body))

    def _connections(self) -> httpx2.AsyncClient:
        if self._closed:
            raise Closed("the client is closed")
        loop = _loop()
        http = self._by_loop.get(loop)
        if http is None:
            # Those of loops that have ended cannot be closed any more; unreferred to, they are.
            alive = {each: kept for each, kept in self._by_loop.items() if not _has_ended(each)}
            http = self._open_http()
            self._by_loop = {**alive, loop: http}
        return http


def _loop() -> object:
    """Return the running event loop; None where it is not asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _has_ended(loop: object) -> bool:
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()
