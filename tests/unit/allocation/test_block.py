"""Blocks: the serials [start, end)."""

import pytest

from tracking_service.allocation import Block


def test_the_end_is_not_in_the_block() -> None:
    block = Block(20, 30)

    assert [20, 29] == [serial for serial in (19, 20, 29, 30) if serial in block]


def test_its_length_is_its_number_of_serials() -> None:
    assert 10 == len(Block(20, 30))
    assert 1 == len(Block(0, 1))


@pytest.mark.parametrize("start, end", [(-1, 5), (5, 5), (6, 5), (0, 0), (-2, -1)])
def test_what_holds_no_serial_or_a_negative_one_is_no_block(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="not a block"):
        Block(start, end)
