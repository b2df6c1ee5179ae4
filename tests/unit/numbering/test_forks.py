"""Forks: the child of one can use any pattern, whatever another thread did at that moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from tests.support.fakes import InThreads
from tests.unit.services.test_issue_fork import in_child
from tracking_service.numbering import KEY_BYTES, Format, Shipment, parse

FORKS = 12
SHIPMENT = Shipment("MY", "ID")


def use(number: int) -> str:
    """Use all of a pattern that no one has used before: write a number, read it, compare shapes."""
    pattern = parse(f"{number:05d}{{serial:9}}{{check}}", "digits")
    written = Format(pattern, bytes(KEY_BYTES)).encode(1, SHIPMENT)
    pattern.check_number(written)
    assert pattern.shape.meets(pattern.shape)
    return written


@pytest.fixture
def busy_thread() -> Iterator[None]:
    """Another thread uses new patterns all the time, so most likely in the moment of a fork."""
    over = threading.Event()

    def use_new_ones() -> None:
        for number in count():
            if over.is_set():
                break
            use(number % 90_000)

    thread = InThreads(1, use_new_ones)
    yield
    over.set()
    assert [] == thread.join().errors


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("busy_thread")
def test_a_fork_while_another_thread_makes_a_pattern_leaves_no_lock_held() -> None:
    for number in range(90_000, 90_000 + FORKS):
        assert f"{number}000000001" == in_child(partial(use, number))[:-1]
