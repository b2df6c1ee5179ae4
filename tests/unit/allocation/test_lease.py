"""The high-water mark: how far a series is known to have come; and leases that exclude another."""

import pytest

from tracking_service.allocation import Block, HighWaterMark, Lease, RecordedLease


def lease(start: int, *, number: int, fresh: bool = True) -> Lease:
    return Lease(
        Block(start, start + 100),
        number,
        None if fresh else "host:8:y",
        remaining=10**6,
        block_id=number,
    )


@pytest.mark.parametrize(
    "start, number, ahead",
    [(500, 8, False), (501, 9, False), (499, 8, True), (500, 7, True), (499, 7, True)],
)
def test_a_fresh_block_must_be_beyond_both(start: int, number: int, ahead: bool) -> None:
    mark = HighWaterMark(end=500, lease_number=7)

    assert mark.is_ahead_of(lease(start, number=number)) is ahead


@pytest.mark.parametrize("number, ahead", [(8, False), (7, True), (6, True)])
def test_a_tail_lies_below_the_mark_and_is_judged_by_its_number(number: int, ahead: bool) -> None:
    mark = HighWaterMark(end=500, lease_number=7)

    assert mark.is_ahead_of(lease(0, number=number, fresh=False)) is ahead


def test_the_lowest_mark_is_ahead_of_nothing() -> None:
    assert not HighWaterMark().is_ahead_of(lease(0, number=1))


def test_two_marks_are_merged_each_way() -> None:
    a, b = HighWaterMark(9, 2), HighWaterMark(3, 8)

    assert HighWaterMark(9, 8) == a.merge(b) == b.merge(a)


def test_a_lease_raises_the_mark_to_its_end_and_number() -> None:
    assert HighWaterMark(600, 8) == HighWaterMark(500, 7).with_lease(lease(500, number=8))


def test_a_tail_does_not_lower_the_mark() -> None:
    assert HighWaterMark(500, 8) == HighWaterMark(500, 7).with_lease(
        lease(0, number=8, fresh=False)
    )


@pytest.mark.parametrize(
    "number, start, end, fresh, contradicts",
    [
        pytest.param(8, 500, 600, True, True, id="one number twice, one range"),
        pytest.param(8, 900, 950, True, True, id="one number twice, another range"),
        pytest.param(8, 900, 950, False, True, id="one number twice, and a tail"),
        pytest.param(9, 599, 700, True, True, id="overlaps a fresh block, later"),
        pytest.param(7, 400, 501, True, True, id="overlaps a fresh block, earlier"),
        pytest.param(9, 500, 550, False, True, id="a tail leased again that nobody handed back"),
        pytest.param(7, 500, 550, False, False, id="a tail that may have been handed back since"),
        pytest.param(9, 600, 700, True, False, id="the next block"),
        pytest.param(7, 400, 500, True, False, id="the block before"),
    ],
)
def test_which_leases_one_history_cannot_both_have(
    number: int, start: int, end: int, fresh: bool, contradicts: bool
) -> None:
    """Another instance's lease, beside the lease 8 of [500, 600)."""
    other = RecordedLease(number, start, end, "host:1:0")

    assert other.contradicts(lease(500, number=8, fresh=fresh)) is contradicts


@pytest.mark.parametrize(
    "start, end, overlaps",
    [(400, 500, False), (400, 501, True), (599, 600, True), (600, 700, False), (0, 9999, True)],
)
def test_ranges_that_only_touch_do_not_overlap(start: int, end: int, overlaps: bool) -> None:
    assert RecordedLease(1, start, end, "host:1:0").overlaps(Block(500, 600)) is overlaps
