"""One call: its attempts, over all base URLs, until an answer counts or its time is up.

No input and no output, so that `Client` and `AsyncClient` share it: they send what `next_attempt`
returns and report what came of it.

An attempt is repeated where no answer came, and where the answer says that a later one may be
better (408, 409, 429, 502, 503, 504). Pauses have full jitter; `Retry-After` is the least pause
before the same instance is asked the same again, while others may be asked meanwhile. An answer
that the service does not give when it is well (a 500, a 404 of no number, a page) ends the call only
once every base URL has given one.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tracking_service import __version__
from tracking_service.client.answers import may_be_cut_off
from tracking_service.client.correlation import (
    REQUEST_ID,
    attempt_id,
    call_id,
    echoed,
    trace_headers,
)
from tracking_service.client.endpoints import Endpoint, Endpoints, full_jitter
from tracking_service.client.error_answers import read_error, read_foreign
from tracking_service.client.errors import (
    ClientError,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    one_line,
)
from tracking_service.client.requests import MOST_BYTES, Request

T = TypeVar("T")


class NotTheAnswer(Exception):
    """What came is no answer to the attempt. Its connection is closed, and it may be repeated."""


@dataclass(frozen=True, slots=True)
class Token:
    """An API key's token, which neither `repr` nor `vars` shows."""

    text: str = field(repr=False)

    def __reduce__(self) -> str:
        raise TypeError("a token is not written anywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every call of a client has in common; times in seconds."""

    endpoints: Endpoints
    token: Token | None
    timeout: float
    """For one attempt, from its connection to the last byte of the answer."""
    give_up_after: float
    """For the whole call: no attempt begins later."""
    clock: Callable[[], float]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is sent next, after `pause` seconds."""

    endpoint: Endpoint
    method: str
    url: str
    pause: float
    request_id: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange(Generic[T]):
    """One call. Its methods are called in turn, by one thread or task."""

    def __init__(
        self,
        terms: Terms,
        request: Request,
        read: Callable[[bytes], T],
        *,
        final: tuple[type[ClientError], ...] = (),
    ) -> None:
        """`read` reads the body of a good answer, or raises UnexpectedAnswer.

        `final` are errors that end the call at once, although another attempt might succeed.
        """
        self._terms = terms
        self._request = request
        self._read = read
        self._final = final
        self._call_id = call_id()
        self._headers = {
            "User-Agent": f"tracking-service-client/{__version__}",
            **request.headers(),
            **trace_headers(),
        }
        self._ends_at = terms.clock() + terms.give_up_after
        self._tries: Counter[str] = Counter()
        self._asked_to_wait: dict[str, float] = {}
        self._strange: set[str] = set()
        """The base URLs at which something answers that is not the service, or not well."""
        self._refusals = 0
        self._last: ClientError | None = None

    def next_attempt(self) -> Attempt:
        """Return the next attempt. Raises what the last one failed with when the time is up."""
        now = self._terms.clock()
        usable = [e for e in self._terms.endpoints.in_order() if e.url not in self._strange]
        if not usable and self._last is not None:
            raise self._last
        # Of those that may be asked soonest, the one that this call asked least; else the first.
        endpoint = min(usable, key=lambda each: (self._may_ask(each, now), self._tries[each.url]))
        soonest = self._may_ask(endpoint, now)
        if soonest >= self._ends_at:
            if self._last is not None:
                raise self._last
            # Every call makes one attempt: that all instances rest is no answer.
            soonest = max(now, self._ends_at)
        self._tries[endpoint.url] += 1
        request_id = attempt_id(self._call_id)
        headers = {**self._headers, REQUEST_ID: request_id}
        if self._terms.token is not None:
            headers["Authorization"] = f"Bearer {self._terms.token.text}"
        return Attempt(
            endpoint,
            self._request.method,
            endpoint.url + self._request.target,
            soonest - now,
            request_id,
            headers,
            self._request.body,
        )

    def check_head(self, attempt: Attempt, status: int, headers: Mapping[str, str]) -> int:
        """Return how many bytes of an answer's body are read at the most; 0: none is looked at.

        Raises UnexpectedAnswer if the body cannot be read. Raises NotTheAnswer for the answer to
        another request: if a server or a proxy sends an answer twice, the next request on the
        connection gets it, with another caller's number.
        """
        echo = echoed(headers, attempt.request_id)
        if echo is None:
            return 0
        if not echo:
            raise NotTheAnswer(
                f"this answers another request, for its {REQUEST_ID} is not the one that was sent;"
                " a proxy has to pass that on as it is"
            )
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnexpectedAnswer("the body is packed, which was not asked for")
        return self._request.most_bytes if 200 <= status < 300 else MOST_BYTES

    def answered(self, attempt: Attempt, answer: Answer) -> tuple[T] | None:
        """Take an answer; return what it says if it is a success, None if another attempt is due.

        Raises what the answer stands for if another attempt would be of no use.
        """
        endpoints, endpoint = self._terms.endpoints, attempt.endpoint
        foreign = echoed(answer.headers, attempt.request_id) is None
        error = self._error_of(attempt, answer, foreign=foreign)
        if not isinstance(error, ClientError):
            endpoints.answered(endpoint)
            return error
        if isinstance(error, UnexpectedAnswer):
            if not foreign and answer.status == 200 and may_be_cut_off(answer.headers, answer.body):
                lost = NotTheAnswer("the connection ended amid the answer")
                lost.__cause__ = error
                self.not_answered(attempt, lost)
                return None
            self.not_of_use(attempt, error, foreign=foreign)
            return None
        endpoints.answered(endpoint)
        if not isinstance(error, Unavailable) or isinstance(error, self._final):
            raise error
        self._last = error
        self._refusals += 1
        pause = (error.retry_after or 0.0) + full_jitter(self._refusals, self._terms.random)
        self._asked_to_wait[endpoint.url] = self._terms.clock() + pause
        return None

    def not_answered(self, attempt: Attempt, error: Exception, *, crowded: bool = False) -> None:
        """Take the failure of an attempt: no answer came, or not all of it, or another's.

        `crowded`: it was not sent, since all connections of the client were in use.
        """
        reason = one_line(str(error)) or type(error).__name__
        if crowded:
            message = "all connections of this client are in use"
        else:
            self._terms.endpoints.failed(attempt.endpoint)
            message = f"{attempt.endpoint.url} did not answer: {reason}"
        kind = Unavailable if crowded else Unreachable
        message = f"{message} (request {attempt.request_id})"
        self._last = kind(message, request_id=attempt.request_id)
        self._last.__cause__ = error

    def not_of_use(
        self, attempt: Attempt, error: UnexpectedAnswer, *, foreign: bool = False
    ) -> None:
        """Take an answer that the service does not give when it is well: others are asked.

        `foreign`: it is not the service's at all, so that later calls begin elsewhere, too.
        """
        if foreign:
            self._terms.endpoints.failed(attempt.endpoint)
        else:
            self._terms.endpoints.answered(attempt.endpoint)
        error.request_id = attempt.request_id
        self._strange.add(attempt.endpoint.url)
        self._last = error

    def _error_of(
        self, attempt: Attempt, answer: Answer, *, foreign: bool
    ) -> ClientError | tuple[T]:
        """Return what the answer says, or the error that it stands for."""
        if foreign:
            return read_foreign(answer.status, answer.headers, attempt.request_id)
        if not 200 <= answer.status < 300:
            return read_error(answer.status, answer.headers, answer.body, attempt.request_id)
        try:
            return (self._read(answer.body),)
        except UnexpectedAnswer as error:
            return error

    def _may_ask(self, endpoint: Endpoint, now: float) -> float:
        """From when on an endpoint may be asked, by the clock."""
        return max(now, endpoint.rests_until, self._asked_to_wait.get(endpoint.url, 0.0))
