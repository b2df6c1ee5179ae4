"""Rows of numbers in memory."""

import json
import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.telemetry.mmap_values import SIZE_BYTES, MmapValues


@given(
    st.dictionaries(
        st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple),
        st.lists(st.floats(allow_nan=False), min_size=1, max_size=20),
        max_size=20,
    )
)
def test_what_is_written_is_read_under_its_key(rows: dict[tuple[str, ...], list[float]]) -> None:
    memory = MmapValues.private()
    for key, row in rows.items():
        values = memory.add(key, len(row))
        assert values is not None
        for at, value in enumerate(row):
            values[at] = value

    assert rows == dict(memory.rows())


def test_a_new_row_is_zero() -> None:
    memory = MmapValues.private()
    memory.add(("a",), 3)

    assert [(("a",), [0.0, 0.0, 0.0])] == list(memory.rows())


def test_full_memory_takes_no_more_and_loses_nothing() -> None:
    memory = MmapValues.private()
    added = 0
    while memory.add(("key", str(added)), 100) is not None:
        added += 1

    assert added == len(list(memory.rows()))
    assert added > SIZE_BYTES // 8 // 110


def test_memory_that_holds_rows_already_keeps_them() -> None:
    memory = mmap.mmap(-1, SIZE_BYTES)
    row = MmapValues(memory).add(("a",), 1)
    assert row is not None
    row[0] = 5.0

    assert [(("a",), [5.0])] == list(MmapValues(memory).rows())


KEY = ("requests", "/api/next-tracking-number", "200")
# The words of the last record: the first, the key's, and two values.
LAST_WORDS = 1 + -(-len(json.dumps(KEY)) // 8) + 2


@pytest.mark.parametrize("unseen", range(LAST_WORDS))
def test_a_record_that_is_seen_in_part_is_not_there_yet(unseen: int) -> None:
    """Another process may see the end move on before it sees one word of the record."""
    memory = mmap.mmap(-1, SIZE_BYTES)
    values = MmapValues(memory)
    values.add(("before",), 1)
    values.add(KEY, 2)
    words = memoryview(memory).cast("Q")
    words[words[0] - LAST_WORDS + unseen] = 0
    seen = dict(MmapValues(memory).rows())

    assert [0.0] == seen.pop(("before",))
    # A value is 0.0 until it is seen.
    assert ({} if unseen < LAST_WORDS - 2 else {KEY: [0.0, 0.0]}) == seen
