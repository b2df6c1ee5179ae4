"""Ports that threads choose at once, before anything listens on them, differ."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.ports import HIGHEST, LOWEST, Ports


def test_no_two_threads_are_given_the_same_port() -> None:
    own = Ports()
    with ThreadPoolExecutor(8) as threads:
        ports = [run.result() for run in [threads.submit(own.free_port) for _ in range(200)]]

    assert 200 == len(set(ports))
    assert LOWEST <= min(ports) <= max(ports) < HIGHEST
