"""The ring of keys in memory: what it knows, what it looks up, what it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.fakes import Clock, InThreads
from tests.support.waiting import wait_until
from tests.unit.services.test_issue_fork import in_child
from tracking_service.auth import Key, Keyring, digest_of, keyring, new_token
from tracking_service.errors import (
    InvalidTokenError,
    KeysUnavailableError,
    StoreUnavailableError,
)
from tracking_service.wait_limiter import Wait, WaitLimiter


class FakeKeys:
    """Keys by their tokens, which can be slow and fail."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.failure: Exception | None = None
        self.reads = 0
        self.open = threading.Event()
        self.open.set()

    def live(self) -> list[Key]:
        self.reads += 1
        found = dict(self.tokens)
        assert self.open.wait(30)
        if self.failure is not None:
            raise self.failure
        return [
            Key(name, frozenset({"issue"}), None, digest_of(token)) for name, token in found.items()
        ]

    def make(self, name: str) -> str:
        self.tokens[name] = new_token()
        return self.tokens[name]


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
def make_ring(keys: FakeKeys) -> Iterator[Callable[..., Keyring]]:
    made: list[Keyring] = []

    def make(**options: Any) -> Keyring:
        made.append(Keyring(keys, **{"limiter": WaitLimiter(threads=64), **options}))
        return made[-1]

    yield make
    keys.open.set()
    for ring in made:
        assert ring.close(30)


@pytest.fixture
def ring(make_ring: Callable[..., Keyring]) -> Keyring:
    return make_ring()


@pytest.fixture
def quick(make_ring: Callable[..., Keyring]) -> Keyring:
    """A ring that reads the keys every few milliseconds: chance draws a thousandth of the pause."""
    return make_ring(uniform=lambda *_: 0.001)


def refused(ring: Keyring, token: str, error: type[Exception]) -> bool:
    try:
        ring.find(token)
    except error:
        return True
    return False


def test_nothing_is_read_before_it_is_asked(ring: Keyring, keys: FakeKeys) -> None:
    assert 0 == keys.reads
    assert ring.close()


def test_the_first_request_is_answered_like_any_other(ring: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")

    assert "shop" == ring.find(token).name


def test_a_known_key_costs_no_read(ring: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    assert ring.start(30)
    before = keys.reads
    for _ in range(1000):
        ring.find(token)

    assert before == keys.reads


def test_a_key_made_a_moment_ago_works_at_once(ring: Keyring, keys: FakeKeys) -> None:
    assert ring.start(30)
    token = keys.make("shop")

    assert "shop" == ring.find(token).name


def test_a_wrong_token_is_looked_up_once(ring: Keyring, keys: FakeKeys) -> None:
    assert ring.start(30)
    token = new_token()
    for _ in range(100):
        with pytest.raises(InvalidTokenError):
            ring.find(token)

    assert 2 == keys.reads


@pytest.mark.parametrize(
    "token", ["", "x", "tn_", "tn_" + "a" * 42, "tn_" + "a" * 44, " tn_" + "a" * 43, "\xff\x00"]
)
def test_what_has_not_the_shape_of_a_token_is_not_looked_up(
    ring: Keyring, keys: FakeKeys, token: str
) -> None:
    assert ring.start(30)
    with pytest.raises(InvalidTokenError):
        ring.find(token)

    assert 1 == keys.reads


def test_invented_tokens_are_rationed(keys: FakeKeys, make_ring: Callable[..., Keyring]) -> None:
    """A request beyond the ration is told to try again, for its token may be good."""
    clock = Clock()
    ring = make_ring(clock=clock)
    good = keys.make("shop")
    assert ring.start(30)
    wrong = [refused(ring, new_token(), InvalidTokenError) for _ in range(5)]
    later = [refused(ring, new_token(), KeysUnavailableError) for _ in range(1000)]

    assert all(wrong)
    assert all(later)
    assert 1 + 5 == keys.reads
    assert "shop" == ring.find(good).name

    clock.now += 1.0

    assert refused(ring, new_token(), InvalidTokenError)
    assert refused(ring, new_token(), KeysUnavailableError)
    assert 1 + 6 == keys.reads


def test_a_revoked_key_is_refused(quick: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    quick.find(token)
    del keys.tokens["shop"]

    wait_until(
        lambda: refused(quick, token, InvalidTokenError), seconds=30, what="the key to be refused"
    )


def test_a_known_key_holds_while_the_keys_cannot_be_read(quick: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    quick.find(token)
    keys.failure = StoreUnavailableError()
    before = keys.reads
    wait_until(lambda: keys.reads > before + 3, seconds=30, what="reads to fail")

    assert "shop" == quick.find(token).name
    assert refused(quick, new_token(), KeysUnavailableError)

    late = keys.make("late")
    keys.failure = None

    wait_until(
        lambda: not refused(quick, late, KeysUnavailableError), seconds=30, what="the new key"
    )
    assert "late" == quick.find(late).name


def test_an_unexpected_error_does_not_end_the_thread(
    quick: Keyring, keys: FakeKeys, caplog: pytest.LogCaptureFixture
) -> None:
    token = keys.make("shop")
    quick.find(token)
    keys.failure = RuntimeError("a fault")
    before = keys.reads
    wait_until(lambda: keys.reads > before + 2, seconds=30, what="reads to fail")
    keys.failure = None
    del keys.tokens["shop"]

    wait_until(lambda: refused(quick, token, InvalidTokenError), seconds=30, what="a refusal")
    assert "reading the API keys failed unexpectedly; it is tried again" in caplog.messages


def test_a_read_that_hangs_leaves_half_of_the_threads(
    keys: FakeKeys, make_ring: Callable[..., Keyring]
) -> None:
    limiter = WaitLimiter(threads=8)
    ring = make_ring(limiter=limiter, lookup_seconds=30.0)
    good = keys.make("shop")
    assert ring.start(30)
    keys.open.clear()
    waiting = InThreads(4, lambda: ring.find(new_token()))
    wait_until(lambda: limiter.waiting == 4, seconds=30, what="four to wait")

    assert refused(ring, new_token(), KeysUnavailableError)
    assert "shop" == ring.find(good).name

    keys.open.set()
    waiting.join()

    assert [InvalidTokenError] * 4 == [type(error) for error in waiting.errors]


def test_requests_that_wait_for_a_lease_are_counted_too(
    keys: FakeKeys, make_ring: Callable[..., Keyring]
) -> None:
    limiter = WaitLimiter(threads=2)
    ring = make_ring(limiter=limiter)
    assert ring.start(30)
    keys.open.clear()
    began = time.monotonic()
    with limiter.wait(30, leave_threads=bool):
        assert refused(ring, new_token(), KeysUnavailableError)

    assert keyring.LOOKUP_SECONDS > time.monotonic() - began


def test_nobody_waits_for_ever(make_ring: Callable[..., Keyring], keys: FakeKeys) -> None:
    ring = make_ring(lookup_seconds=0.05)
    keys.open.clear()

    assert refused(ring, new_token(), KeysUnavailableError)


def test_many_first_requests_share_a_read(ring: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    found = InThreads(32, lambda: ring.find(token)).join()

    assert [] == found.errors
    assert 32 == len(found.results)
    # Those who come while one read runs share the next; on a busy machine they come in turns.
    assert keys.reads <= keyring.LOOKUPS_AT_ONCE + 1


def test_a_thread_that_could_not_be_started_is_started_the_next_time(
    ring: Keyring, keys: FakeKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    token = keys.make("shop")
    with monkeypatch.context() as short_of_threads:
        short_of_threads.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            ring.find(token)

    assert "shop" == ring.find(token).name


def test_a_caller_that_came_as_a_read_ended_is_let_in_by_what_was_read(
    keys: FakeKeys, make_ring: Callable[..., Keyring]
) -> None:
    """The request is refused a look-up, and another one has just read its key."""

    class ReadMeanwhile(WaitLimiter):
        @contextmanager
        def wait(self, seconds: float, *, leave_threads: Callable[[], bool]) -> Iterator[Wait]:
            assert newcomers.start(30)
            raise KeysUnavailableError
            yield  # a generator

    token = keys.make("shop")
    newcomers = make_ring(limiter=ReadMeanwhile())

    assert "shop" == newcomers.find(token).name
    assert refused(newcomers, new_token(), KeysUnavailableError)


def test_a_closed_ring_knows_what_it_knew(ring: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    ring.find(token)
    assert ring.close(30)

    assert "shop" == ring.find(token).name
    assert refused(ring, new_token(), KeysUnavailableError)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_fork_reads_for_itself(ring: Keyring, keys: FakeKeys) -> None:
    token = keys.make("shop")
    ring.find(token)

    def find() -> list[object]:
        # What the instance does, for all parts that it was given.
        ring.reset_after_fork()
        return [ring.find(token).name, keys.reads, ring.close(5)]

    found = in_child(find)

    assert ["shop", 2, True] == [found[0], found[1] - keys.reads + 1, found[2]]
