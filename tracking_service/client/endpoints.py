"""The base URLs of the service, and which of them is asked next."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from tracking_service.client import forks
from tracking_service.client.errors import InvalidSetting

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds: what the pauses between attempts begin with, and grow to."""
LONGEST_URL = 1000
"""Characters of a base URL, as it is sent; servers and proxies bound the whole line of a request."""


def full_jitter(failures: int, random: Callable[[], float]) -> float:
    """Return a pause in seconds after the n-th failure in a row, n from 1: evenly from [0, bound).

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    # Bounded, since 2.0 ** 1024 overflows.
    return random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))


@dataclass(slots=True)
class Endpoint:
    """One base URL, without a slash at its end."""

    url: str
    failures: int = 0
    """Attempts in a row to which no answer came."""
    rests_until: float = 0.0
    """By the clock: not asked before, since nothing answered there a moment ago."""


class Endpoints:
    """All base URLs. A client stays with one while it answers; any number of threads may ask.

    Clients start at random ones, so that many clients share the instances.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """Raises InvalidSetting for a URL that is not http or https, or that has a query."""
        given = [urls] if isinstance(urls, str) else list(urls)
        if not given:
            raise InvalidSetting("give at least one base URL, such as http://127.0.0.1:8000")
        self._all = [Endpoint(_base(url)) for url in given]
        self._first = int(random() * len(self._all))
        self._clock = clock
        self._random = random
        self._lock = threading.RLock()
        forks.reset_in_children(self)

    def reset_after_fork(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.RLock()

    def in_order(self) -> list[Endpoint]:
        """Return all of them: the one to ask first, then those to turn to."""
        first = self._first
        return self._all[first:] + self._all[:first]

    def answered(self, endpoint: Endpoint) -> None:
        """Note that an answer came from there, whatever it was."""
        if endpoint.failures:
            with self._lock:
                endpoint.failures, endpoint.rests_until = 0, 0.0

    def failed(self, endpoint: Endpoint) -> None:
        """Note that no answer came from there: it rests, and the next one is asked first."""
        with self._lock:
            endpoint.failures += 1
            pause = full_jitter(endpoint.failures, self._random)
            endpoint.rests_until = self._clock() + pause
            if self._all[self._first] is endpoint:
                self._first = (self._first + 1) % len(self._all)


def _base(url: str) -> str:
    if not _is_plain(url):
        # Not the URL itself: it may have a password in it.
        raise InvalidSetting(
            "a base URL is written as http://host:port or https://host, nothing else, in at most"
            f" {LONGEST_URL:,} characters"
        )
    return url.rstrip("/")


def _is_plain(url: str) -> bool:
    # What urlsplit would drop or read leniently: line ends, `?` and `#` with nothing behind them.
    if not url.isprintable() or any(each in url for each in " ?#\\@"):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Where a name is looked up, it is turned into this form, which not every name has.
        host.encode("idna")
        known = parts.scheme in {"http", "https"} and host != "" and parts.port != 0
        sent = httpx2.URL(url)
        return known and sent.host != "" and len(str(sent)) <= LONGEST_URL
    except (ValueError, httpx2.InvalidURL):
        return False
