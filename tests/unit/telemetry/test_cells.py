"""Rows of numbers in memory."""

import mmap

from hypothesis import given
from hypothesis import strategies as st

from tracking_service.telemetry.mmap_values import PAGE_BYTES, Page


@given(
    st.dictionaries(
        st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple),
        st.lists(st.floats(allow_nan=False), min_size=1, max_size=20),
        max_size=20,
    )
)
def test_what_is_written_is_read_under_its_key(rows: dict[tuple[str, ...], list[float]]) -> None:
    page = Page.private()
    for key, row in rows.items():
        cells = page.add(key, len(row))
        assert cells is not None
        for at, value in enumerate(row):
            cells[at] = value

    assert rows == dict(page.rows())


def test_a_new_row_is_zero() -> None:
    page = Page.private()
    page.add(("a",), 3)

    assert [(("a",), [0.0, 0.0, 0.0])] == list(page.rows())


def test_a_full_page_takes_no_more_and_loses_nothing() -> None:
    page = Page.private()
    added = 0
    while page.add(("key", str(added)), 100) is not None:
        added += 1

    assert added == len(list(page.rows()))
    assert added > PAGE_BYTES // 8 // 110


def test_memory_that_holds_rows_already_keeps_them() -> None:
    memory = mmap.mmap(-1, PAGE_BYTES)
    row = Page(memory).add(("a",), 1)
    assert row is not None
    row[0] = 5.0

    assert [(("a",), [5.0])] == list(Page(memory).rows())
