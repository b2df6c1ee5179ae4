"""Base-36 text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.numbering.base36 import base36


@settings(deadline=None)
@given(data=st.data(), length=st.integers(0, 20))
def test_python_reads_back_what_is_written(data: st.DataObject, length: int) -> None:
    value = data.draw(st.integers(0, 36**length - 1))
    text = base36(value, length)

    assert len(text) == length
    assert int(text or "0", 36) == value
    assert text == text.upper()


def test_small_values_are_filled_with_zeros() -> None:
    assert base36(35, 11) == "0000000000Z"


@pytest.mark.parametrize("value, length", [(36**5, 5), (36**6, 6), (-1, 5), (-1, 6), (1, 0)])
def test_a_value_that_does_not_fit_is_refused(value: int, length: int) -> None:
    with pytest.raises(ValueError, match=f"does not fit {length}"):
        base36(value, length)
