"""The API keys that an instance holds in memory, so that no request asks the database.

One thread reads all keys every RELOAD_SECONDS, so that every instance refuses a revoked key within
that time. While the database is away, the keys that were read last stay valid.

The same thread looks an unknown token up once, because its key may have been made a moment ago.
After that the token stays invalid, for no two tokens are the same. Look-ups are rationed, so that
invented tokens put no load on the database.
"""

import hmac
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from tracking_service.auth.keys import TOKEN, Key, digest_of
from tracking_service.clock import MonotonicClock
from tracking_service.errors import InvalidTokenError, KeysUnavailableError, StoreError
from tracking_service.wait_limiter import WaitLimiter

log = logging.getLogger(__name__)

RELOAD_SECONDS: Final = 10.0
"""The greatest age of the keys while the database answers; a read begins a bit earlier."""

RETRY_SECONDS: Final = 2.0
"""The same while it does not answer."""

LOOKUP_SECONDS: Final = 1.0
"""How long a request waits for a look-up."""

LOOKUPS_AT_ONCE: Final = 5
"""Look-ups that may come at once; after them, one a second."""

_REFUSED_MOST: Final = 4096


class KeySource(Protocol):
    """Where keys are kept."""

    def live(self) -> Iterable[Key]:
        """Every key that has not been revoked. May raise StoreError."""


class Keyring:
    """The keys as this instance knows them. Its methods may be called from any number of threads.

    Nothing is read before `start` or the first `find`.
    """

    def __init__(
        self,
        source: KeySource,
        *,
        limiter: WaitLimiter | None = None,
        lookup_seconds: float = LOOKUP_SECONDS,
        clock: MonotonicClock = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`limiter` bounds the requests that wait for a look-up, each for `lookup_seconds`; pass
        the limiter of the whole process.
        """
        self._source = source
        self._limiter = limiter or WaitLimiter(clock=clock)
        self._lookup_seconds = lookup_seconds
        self._clock = clock
        self._uniform = uniform
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin anew: in the child of a fork the thread is missing, and a lock may be held."""
        # Read without a lock: the thread replaces it and never changes it.
        self._keys: Mapping[bytes, Key] = {}
        self._refused: set[bytes] = set()
        self._turn = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._loaded = False
        self._away = False
        # Numbers of reads: the last one requested, begun, ended.
        self._asked = self._begun = self._ended = 0
        self._ration = float(LOOKUPS_AT_ONCE)
        self._rationed_at = self._clock()

    def find(self, token: str) -> Key:
        """Return the key of a token.

        Raises InvalidTokenError if there is none, and KeysUnavailableError if that cannot be
        looked up now, because then the token may be valid.
        """
        digest = digest_of(token)
        key = self._keys.get(digest)
        # The dictionary compares hashes of digests, so its time tells nothing of the token; the
        # comparison that decides takes the same time for every digest.
        if key is not None and hmac.compare_digest(key.digest, digest):
            return key
        return self._find_unknown(token, digest)

    def start(self, seconds: float = 0.0) -> bool:
        """Start to read the keys; return whether the first read succeeded within `seconds`."""
        with self._turn:
            self._start()
            return self._turn.wait_for(lambda: self._loaded or self._away, seconds) and self._loaded

    def close(self, seconds: float = 5.0) -> bool:
        """Read no more; return whether the thread ended within `seconds`. Known keys stay valid."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()
            thread = self._thread
        if thread is None:
            return True
        thread.join(seconds)
        return not thread.is_alive()

    def _find_unknown(self, token: str, digest: bytes) -> Key:
        if digest in self._refused or TOKEN.fullmatch(token) is None:
            raise InvalidTokenError
        try:
            self._look_up()
        except KeysUnavailableError:
            # Another request's read may have ended since the look above.
            if digest not in self._keys:
                raise
        key = self._keys.get(digest)
        if key is None:
            # The read began after the token was seen, so no key to come will have it.
            # Without a lock: two threads at once cost one more look-up at most.
            if len(self._refused) >= _REFUSED_MOST:
                self._refused = set()
            self._refused.add(digest)
            raise InvalidTokenError
        return key

    def _look_up(self) -> None:
        """Wait until the keys have been read again. Raises KeysUnavailableError."""
        # At first no key is known, so no request with a known key is kept from a thread.
        with (
            self._limiter.wait(self._lookup_seconds, leave_threads=lambda: self._loaded) as wait,
            self._turn,
        ):
            self._start()
            # All requests that come before a read begins share it.
            if self._away or (self._asked == self._begun and not self._take_ration()):
                raise KeysUnavailableError
            if self._asked == self._begun:
                self._asked += 1
                self._turn.notify_all()
            mine = self._asked
            self._turn.wait_for(lambda: self._ended >= mine or self._stopped, wait.seconds_left())
            if self._ended < mine or self._away:
                raise KeysUnavailableError

    def _take_ration(self) -> bool:
        now = self._clock()
        self._ration = min(float(LOOKUPS_AT_ONCE), self._ration + now - self._rationed_at)
        self._rationed_at = now
        if self._ration < 1.0:
            return False
        self._ration -= 1.0
        return True

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            thread = threading.Thread(target=self._run, name="keyring", daemon=True)
            # Before it is kept: start may fail, and the next call tries again.
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while self._await_turn():
            try:
                keys = {key.digest: key for key in self._source.live()}
            except StoreError as error:
                self._failed(error)
            except Exception as error:  # if the thread ended, revoked keys would stay valid
                log.exception("reading the API keys failed unexpectedly; it is tried again")
                self._failed(error)
            else:
                self._succeeded(keys)

    def _await_turn(self) -> bool:
        """Sleep until the next read is due; return False at the end."""
        pause = 0.0
        if self._loaded or self._away:
            # Random, so that instances that started together do not read together.
            pause = (RETRY_SECONDS if self._away else RELOAD_SECONDS) * self._uniform(0.7, 1.0)
        with self._turn:
            self._turn.wait_for(lambda: self._stopped or self._asked > self._begun, pause)
            self._begun = self._asked
            return not self._stopped

    def _succeeded(self, keys: Mapping[bytes, Key]) -> None:
        if self._away:
            log.warning("the API keys can be read again")
        with self._turn:
            self._keys = keys
            self._loaded, self._away, self._ended = True, False, self._begun
            self._turn.notify_all()

    def _failed(self, error: Exception) -> None:
        if not self._away:
            log.error(
                "the API keys cannot be read; known keys stay valid",
                extra={"error": str(error)},
            )
        with self._turn:
            self._away, self._ended = True, self._begun
            self._turn.notify_all()
