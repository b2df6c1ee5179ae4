"""Number spaces: one format and one key each, for as long as the instance lives."""

import pytest

from tests.support.fakes import FakeSeries, FakeSeriesStore, InThreads
from tests.support.numbers import POST
from tracking_service.errors import KeyChangedError
from tracking_service.instance.number_spaces import NumberSpaces


@pytest.fixture
def spaces() -> NumberSpaces:
    return NumberSpaces(FakeSeriesStore())


def test_the_series_of_a_space_share_its_format(spaces: NumberSpaces) -> None:
    asked = InThreads(16, lambda: spaces.get(FakeSeries("default"))).join()
    asked.results.append(spaces.get(FakeSeries("other")))

    assert [] == asked.errors
    assert 1 == len(set(map(id, asked.results)))


def test_a_second_key_in_a_space_is_refused(spaces: NumberSpaces) -> None:
    spaces.get(FakeSeries("default"))

    with pytest.raises(KeyChangedError, match="routed"):
        spaces.get(FakeSeries("default", key=b"k" * 32))


def test_another_space_has_a_key_and_a_fingerprint_of_its_own(spaces: NumberSpaces) -> None:
    routed = spaces.get(FakeSeries("default"))
    s10 = spaces.get(
        FakeSeries(
            "ra",
            number_space="post",
            pattern=POST,
            key=b"k" * 32,
        )
    )

    assert routed.fingerprint != s10.fingerprint


def test_the_fingerprint_is_of_the_key_and_does_not_show_it(spaces: NumberSpaces) -> None:
    series = FakeSeries("default")
    fingerprint = spaces.get(series).fingerprint

    assert fingerprint == NumberSpaces(FakeSeriesStore()).get(series).fingerprint
    assert 16 == len(fingerprint)
    assert series.key.hex()[:16] != fingerprint
