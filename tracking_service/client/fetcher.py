"""The thread behind a buffer: it fetches a batch when it is asked to, for as long as that takes."""

import logging
import threading
from collections.abc import Callable, Sequence
from uuid import uuid4

from tracking_service.client.answers import Batch
from tracking_service.client.endpoints import full_jitter
from tracking_service.client.errors import DatabaseUnavailable, RequestInProgress, Unavailable

log = logging.getLogger(__name__)

FETCH_FINAL = (DatabaseUnavailable, RequestInProgress)
"""With these a fetch goes on without an idempotency key. All that the key spares is a gap, and
without it the service needs no database."""

LONGEST_REST = 3600.0
"""Seconds: what a `Retry-After` is cut to here. Nobody looks after a buffer that rests for a year."""

WITHOUT_KEY_SECONDS = 30.0
"""How long fetches carry no key after that: beside a database that hangs, each key would wait."""


class Fetcher:
    """Fetches for one buffer, a batch at a time. The attributes are read under the condition."""

    def __init__(
        self,
        issue: Callable[[str | None], Batch],
        deliver: Callable[[Sequence[str]], None],
        changed: threading.Condition,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """`issue` gets a batch under an idempotency key, or without one; `deliver` takes it.

        `deliver` is called with `changed` held, and all who wait for it are woken afterwards.
        """
        self._issue = issue
        self._deliver = deliver
        self._changed = changed
        self._clock = clock
        self._random = random
        self._thread: threading.Thread | None = None
        self._wanted = self._stopping = False
        self._without_key_until = 0.0
        self.asked = False
        """Whether a batch is wanted or on its way."""
        self.error: Exception | None = None
        """What the last fetch failed with; None after a success."""
        self.failures = 0
        """Fetches in a row that failed."""
        self.resumes_at = 0.0
        """By the clock: no fetch begins before, after a failure."""

    def ask(self) -> None:
        """Want a batch. Returns at once."""
        self.asked = True
        # A condition's lock, unlike an event's, may be had again by a signal's handler.
        with self._changed:
            if not self._wanted:
                self._wanted = True
                self._changed.notify_all()
            self._start()

    def stop(self) -> None:
        """Fetch no more. Waits for nobody: what is on its way is not delivered."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _start(self) -> None:
        if self._thread is None:
            # Of no use at the interpreter's end, which would otherwise wait for the network.
            thread = threading.Thread(target=self._run, name="number-buffer", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # Memory may be short. The thread is not kept, so that the next `ask` tries again.
                log.warning("no thread could be started", extra={"reason": str(error)})
                return
            self._thread = thread

    def _run(self) -> None:
        while self._wait_until_wanted():
            try:
                numbers = self._fetch()
            except Exception as error:  # noqa: BLE001 - callers are told; the thread has to go on
                self._rest(self._note_failure(error))
                continue
            with self._changed:
                if not self._stopping:
                    self.error, self.failures = None, 0
                    self._wanted = self.asked = False
                    self._deliver(numbers)
                    self._changed.notify_all()

    def _wait_until_wanted(self) -> bool:
        """Return False if the fetcher was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._stopping)
            return not self._stopping

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    def _fetch(self) -> Sequence[str]:
        if self._clock() >= self._without_key_until:
            try:
                return self._issue(uuid4().hex).tracking_numbers
            except FETCH_FINAL as error:
                self._without_key_until = self._clock() + WITHOUT_KEY_SECONDS
                log.info("fetching without an idempotency key", extra={"reason": str(error)})
        return self._issue(None).tracking_numbers

    def _note_failure(self, error: Exception) -> float:
        """Wake those who wait; return the seconds until the next fetch."""
        transient = isinstance(error, Unavailable)
        with self._changed:
            self.failures += 1
            asked = (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0
            pause = min(asked, LONGEST_REST) + full_jitter(self.failures, self._random)
            self.error, self.resumes_at = error, self._clock() + pause
            if not transient:
                # Fetched again when a number is wanted, not before.
                self._wanted = self.asked = False
            self._changed.notify_all()
            stopping = self._stopping
        # A client that is closed after its buffer ends the fetch, whose numbers nobody wants.
        if not stopping:
            log.warning("no numbers could be fetched", extra={"reason": str(error), "pause": pause})
        return pause
