"""The mark: how far a series is known to have come."""

import pytest

from tracking_service.allocation import Block, Lease, Mark


def lease(start: int, *, number: int, fresh: bool = True) -> Lease:
    return Lease(Block(start, start + 100), number, fresh, remaining=10**6, block_id=number)


@pytest.mark.parametrize(
    "start, number, past",
    [(500, 8, False), (501, 9, False), (499, 8, True), (500, 7, True), (499, 7, True)],
)
def test_a_fresh_block_must_be_beyond_both(start: int, number: int, past: bool) -> None:
    assert Mark(end=500, number=7).past(lease(start, number=number)) is past


@pytest.mark.parametrize("number, past", [(8, False), (7, True), (6, True)])
def test_a_tail_lies_below_the_mark_and_is_judged_by_its_number(number: int, past: bool) -> None:
    assert Mark(end=500, number=7).past(lease(0, number=number, fresh=False)) is past


def test_nothing_is_past_the_lowest_mark() -> None:
    assert not Mark().past(lease(0, number=1))


def test_two_marks_are_joined_each_way() -> None:
    assert Mark(9, 8) == Mark(9, 2).joined(Mark(3, 8)) == Mark(3, 8).joined(Mark(9, 2))


def test_a_lease_raises_the_mark_to_its_end_and_number() -> None:
    assert Mark(600, 8) == Mark(500, 7).with_lease(lease(500, number=8))


def test_a_tail_does_not_lower_the_mark() -> None:
    assert Mark(500, 8) == Mark(500, 7).with_lease(lease(0, number=8, fresh=False))
