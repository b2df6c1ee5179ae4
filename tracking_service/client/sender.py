"""Sends the attempts of a `Client` over kept connections; `AsyncSender` does so for tasks."""

import threading
from collections.abc import Callable

import httpx2

from tracking_service.client import forks
from tracking_service.client.deadlines import Deadlines
from tracking_service.client.errors import Closed, UnexpectedAnswer
from tracking_service.client.exchange import Answer, Attempt, NotTheAnswer

CheckHead = Callable[[Attempt, int, httpx2.Headers], int]

NO_ANSWER = (httpx2.RequestError, NotTheAnswer, TimeoutError, ConnectionAbortedError)
"""The errors of an attempt to which no answer came."""


def times(timeout: float) -> httpx2.Timeout:
    """Return the time-outs of one attempt. Half of it may go by until a connection is free.

    So an attempt that got no connection is not taken for one that an instance did not answer.
    """
    return httpx2.Timeout(timeout, pool=timeout / 2)


class Sender:
    """The connections of one client. Any number of threads may send, and signals' handlers too."""

    def __init__(
        self,
        open_http: Callable[[], httpx2.Client],
        *,
        timeout: float,
        clock: Callable[[], float],
        sleep: Callable[[float], object] | None,
    ) -> None:
        """`sleep` is for tests; without it `close` ends a pause. `timeout` is in seconds."""
        self._open_http = open_http
        self._timeout = timeout
        self._sleep = sleep
        self._deadlines = Deadlines(clock)
        self._closed = False
        # Its lock may be had again by a thread that has it, as a signal's handler wants to.
        self._changed = threading.Condition()
        self._http: httpx2.Client | None = None
        self._left_to_close: httpx2.Client | None = None

    def pause(self, seconds: float) -> None:
        """Wait, or until `close`."""
        if self._sleep is not None and seconds > 0:
            self._sleep(seconds)
        elif seconds > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, seconds)

    def send(self, attempt: Attempt, check_head: CheckHead) -> Answer:
        """Send an attempt and return its answer, which has come to its end within the time-out.

        `check_head` says how many bytes of the body to read; with 0 the body is left empty. A
        connection whose answer is not read to its end is closed. Raises what is in NO_ANSWER,
        UnexpectedAnswer, and Closed.
        """
        deadlines = self._deadlines
        # The library has locks of its own, which a handler's call would wait for in vain where the
        # call that it interrupted has one.
        aside = self._open_http() if deadlines.nested else None
        try:
            with deadlines.within(self._timeout):
                return self._send(aside or self._connections(), attempt, check_head)
        except (*NO_ANSWER, RuntimeError) as error:
            if self._closed:
                raise Closed("the client was closed amid the call") from error
            raise
        finally:
            if aside is not None:
                aside.close()
            elif self._left_to_close is not None:
                self._left_to_close.close()

    def close(self) -> None:
        """End what is on its way, and close the connections; later calls raise Closed."""
        with self._changed:
            self._closed = True
            self._deadlines.end_all()
            self._changed.notify_all()
            http = self._http
        # Only now: a thread does not notice that the connection it waits for is closed, unless it was
        # woken before. A handler that closes amid a call of its thread leaves it to that call, which
        # may have the library's locks.
        if self._deadlines.nested:
            self._left_to_close = http
        elif http is not None:
            http.close()

    def reset_after_fork(self) -> None:
        """Leave the connections to the parent. A closed client stays closed."""
        self._changed = threading.Condition()
        self._deadlines.reset_after_fork()
        forks.keep(self._http)
        self._http = self._left_to_close = None

    def _send(self, http: httpx2.Client, attempt: Attempt, check_head: CheckHead) -> Answer:
        with http.stream(
            attempt.method,
            attempt.url,
            content=attempt.body,
            headers=attempt.headers,
            timeout=times(self._timeout),
            # Where it would lead is not for a server to say; the token would go with it.
            follow_redirects=False,
            extensions={"trace": self._deadlines.trace},
        ) as response:
            most = check_head(attempt, response.status_code, response.headers)
            body = bytearray()
            if most:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > most:
                        raise UnexpectedAnswer(f"the body is longer than {most:,} bytes")
                    self._deadlines.left()
            return Answer(response.status_code, response.headers, bytes(body))

    def _connections(self) -> httpx2.Client:
        # Made at the first call, not before: an app that forks its workers may never call.
        with self._changed:
            if self._closed:
                raise Closed("the client is closed")
            if self._http is None:
                self._http = self._open_http()
            return self._http
