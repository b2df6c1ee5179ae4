"""The alphabets, and serials written in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracking_service.numbering.alphabets import ALPHABETS, Alphabet

EVERY = pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)


def test_the_alphabets_are_these() -> None:
    assert {
        "digits": "0123456789",
        "base36": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "crockford": "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
        "consonants": "23456789BCDFGHJKMNPQRSTVWXZ",
    } == {name: alphabet.characters for name, alphabet in ALPHABETS.items()}


@EVERY
@settings(deadline=None)
@given(data=st.data(), length=st.integers(1, 16))
def test_what_is_written_is_read_back(alphabet: Alphabet, data: st.DataObject, length: int) -> None:
    value = data.draw(st.integers(0, alphabet.radix**length - 1))
    text = alphabet.write(value, length)

    assert length == len(text)
    assert set(text) <= set(alphabet.characters)
    assert value == alphabet.read(text)


@EVERY
def test_the_order_of_values_is_that_of_their_texts(alphabet: Alphabet) -> None:
    texts = [alphabet.write(value, 4) for value in range(2_000)]

    assert sorted(texts) == texts


@EVERY
@pytest.mark.parametrize("length", [5, 6])
def test_a_value_that_does_not_fit_is_refused(alphabet: Alphabet, length: int) -> None:
    for value in (-1, alphabet.radix**length):
        with pytest.raises(ValueError, match=f"does not fit {length} characters"):
            alphabet.write(value, length)


@EVERY
def test_arrays_have_the_numerals_of_the_texts(alphabet: Alphabet) -> None:
    values = [0, 1, alphabet.radix, 2**32 - 1, 123_456_789]
    numerals = np.empty((10, len(values)), dtype=np.uint8)
    alphabet.numerals(np.array(values, dtype=np.uint64), numerals)

    assert [alphabet.write(value, 10) for value in values] == [
        "".join(alphabet.characters[numeral] for numeral in column) for column in numerals.T
    ]
