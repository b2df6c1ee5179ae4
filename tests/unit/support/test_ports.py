"""Ports that threads choose at once, before anything listens on them, differ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import ports as chosen
from tests.support.ports import HIGHEST, LOWEST, free_port


def test_no_two_threads_are_given_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    # Once all of a process's range were given, it begins anew.
    monkeypatch.setattr(chosen, "_chosen", set())
    with ThreadPoolExecutor(8) as threads:
        ports = [run.result() for run in [threads.submit(free_port) for _ in range(200)]]

    assert 200 == len(set(ports))
    assert LOWEST <= min(ports) <= max(ports) < HIGHEST
