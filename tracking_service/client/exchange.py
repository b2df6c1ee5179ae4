"""One call: its attempts, over all base URLs, until an answer counts or its time is up.

No input and no output, so that `Client` and `AsyncClient` share it: they send what `next_attempt`
returns and report what came of it.

An attempt is repeated where no answer came, and where the answer says that a later one may be
better (408, 409, 429, 502, 503, 504). Pauses have full jitter; `Retry-After` is the least pause
before the same instance is asked the same again, while others may be asked meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracking_service import __version__
from tracking_service.client.answers import read_error
from tracking_service.client.correlation import correlation_headers
from tracking_service.client.endpoints import Endpoint, Endpoints, full_jitter
from tracking_service.client.errors import ClientError, Unavailable, Unreachable
from tracking_service.client.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every call of a client has in common; times in seconds."""

    endpoints: Endpoints
    token: str | None
    timeout: float
    """For one attempt, or rather for each wait within it."""
    give_up_after: float
    """For the whole call: no attempt begins later."""
    clock: Callable[[], float]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is sent next, after `pause` seconds."""

    endpoint: Endpoint
    url: str
    pause: float


class Exchange:
    """One call. Its methods are called in turn, by one thread or task."""

    def __init__(
        self, terms: Terms, request: Request, *, final: tuple[type[ClientError], ...] = ()
    ) -> None:
        """`final` are errors that end the call at once, although another attempt might succeed."""
        self.request = request
        self._terms = terms
        self._final = final
        correlation = correlation_headers()
        self._request_id = correlation["X-Request-ID"]
        self.headers = {
            "User-Agent": f"tracking-service-client/{__version__}",
            **request.headers(),
            **correlation,
        }
        if terms.token is not None:
            self.headers["Authorization"] = f"Bearer {terms.token}"
        self._ends_at = terms.clock() + terms.give_up_after
        self._tries: Counter[str] = Counter()
        self._asked_to_wait: dict[str, float] = {}
        self._refusals = 0
        self._last: Unavailable | None = None

    def next_attempt(self) -> Attempt:
        """Return the next attempt. Raises what the last one failed with when the time is up."""
        now = self._terms.clock()
        # Of those that may be asked soonest one that this call asked least, in their order.
        endpoint = min(
            self._terms.endpoints.in_order(),
            key=lambda each: (self._may_ask(each, now), self._tries[each.url]),
        )
        soonest = self._may_ask(endpoint, now)
        if soonest >= self._ends_at:
            if self._last is not None:
                raise self._last
            # Every call makes one attempt: that all instances rest is no answer.
            soonest = max(now, self._ends_at)
        self._tries[endpoint.url] += 1
        return Attempt(endpoint, endpoint.url + self.request.target, soonest - now)

    def answered(
        self, attempt: Attempt, status: int, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Take an answer: True where it is a success, False where another attempt is due.

        Raises what the answer stands for if another attempt would be of no use.
        """
        endpoint = attempt.endpoint
        self._terms.endpoints.answered(endpoint)
        if 200 <= status < 300:
            return True
        error = read_error(status, headers, body, self._request_id)
        if not isinstance(error, Unavailable) or isinstance(error, self._final):
            raise error
        self._last = error
        self._refusals += 1
        pause = (error.retry_after or 0.0) + full_jitter(self._refusals, self._terms.random)
        self._asked_to_wait[endpoint.url] = self._terms.clock() + pause
        return False

    def not_answered(self, attempt: Attempt, error: Exception) -> None:
        """Take the failure of an attempt: no answer came, or not all of it."""
        self._terms.endpoints.failed(attempt.endpoint)
        told = f"{attempt.endpoint.url} did not answer: {str(error) or type(error).__name__}"
        self._last = Unreachable(
            f"{told} (request {self._request_id})", request_id=self._request_id
        )
        self._last.__cause__ = error

    def _may_ask(self, endpoint: Endpoint, now: float) -> float:
        """By the clock, from when on an endpoint may be asked."""
        return max(now, endpoint.rests_until, self._asked_to_wait.get(endpoint.url, 0.0))
