"""Ranges of serials: what was added is there, and what touches is one."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tracking_service.allocation import Block
from tracking_service.allocation.ranges import Ranges


@given(sizes=st.lists(st.integers(1, 5), max_size=12), seed=st.randoms(use_true_random=False))
def test_blocks_that_touch_become_one_in_whatever_order_they_come(
    sizes: list[int], seed: random.Random
) -> None:
    blocks = []
    end = 0
    for size in sizes:
        blocks.append(Block(end, end + size))
        end += size
    seed.shuffle(blocks)
    ranges = Ranges()
    for block in blocks:
        ranges.add(block)

    assert min(1, len(sizes)) == len(list(ranges))
    assert list(range(end)) == [serial for serial in range(-1, end + 2) if serial in ranges]


@given(
    kept=st.lists(st.booleans(), min_size=1, max_size=30),
    seed=st.randoms(use_true_random=False),
)
def test_what_was_not_added_is_not_there(kept: list[bool], seed: random.Random) -> None:
    blocks = [Block(3 * at, 3 * at + 2) for at, keep in enumerate(kept) if keep]
    seed.shuffle(blocks)
    ranges = Ranges()
    for block in blocks:
        ranges.add(block)
    expected = {serial for block in blocks for serial in range(block.start, block.end)}

    assert len(blocks) == len(list(ranges))
    assert expected == {serial for serial in range(3 * len(kept) + 3) if serial in ranges}


@given(
    kept=st.lists(st.booleans(), min_size=1, max_size=12),
    start=st.integers(0, 40),
    length=st.integers(1, 12),
)
def test_a_block_overlaps_if_it_has_a_serial_that_is_there(
    kept: list[bool], start: int, length: int
) -> None:
    ranges = Ranges()
    for at, keep in enumerate(kept):
        if keep:
            ranges.add(Block(3 * at, 3 * at + 2))
    block = Block(start, start + length)

    assert any(serial in ranges for serial in range(start, block.end)) is ranges.overlaps(block)
