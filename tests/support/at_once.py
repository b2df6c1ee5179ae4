"""Runs scenarios at once that share nothing but the machine, and that mostly wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(scenario: Callable[[T], None], cases: Mapping[str, T]) -> None:
    """Run `scenario` for each case in a thread of its own, and return when all have ended.

    Raises an exception group of all that failed, where each error has a note with its case's name.
    """
    with ThreadPoolExecutor(len(cases)) as pool:
        runs = {name: pool.submit(scenario, case) for name, case in cases.items()}
    failed = []
    for name, run in runs.items():
        error = run.exception()
        if error is not None:
            error.add_note(f"This was the case {name}.")
            failed.append(error)
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases failed", failed)
