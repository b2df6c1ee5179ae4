"""Scenarios that run at once fail as they would one by one."""

from __future__ import annotations

import threading

import pytest

from tests.support.at_once import at_once


def test_all_cases_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3)

    def meets(_number: int) -> None:
        meeting.wait(10)

    at_once(meets, {"one": 1, "two": 2, "three": 3})

    assert not meeting.broken


def test_every_case_that_fails_is_told_with_its_name() -> None:
    def is_odd(number: int) -> None:
        assert number % 2, f"{number} is even"

    with pytest.raises(ExceptionGroup, match="2 of 3 cases failed") as caught:
        at_once(is_odd, {"one": 1, "two": 2, "four": 4})

    told = [(str(error).splitlines()[0], error.__notes__) for error in caught.value.exceptions]
    assert ["2 is even", "4 is even"] == [message for message, _ in told]
    assert [["This was the case two."], ["This was the case four."]] == [note for _, note in told]
