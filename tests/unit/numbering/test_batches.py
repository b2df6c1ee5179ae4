"""Batches: the same numbers as one at a time, as arrays."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.errors import ShipmentRefusedError
from tracking_service.numbering import Format, Shipment
from tracking_service.numbering.ff1 import FF1
from tracking_service.numbering.routed import Routed
from tracking_service.numbering.s10 import S10

KEY = bytes(range(32))
SHIPMENT = Shipment("MY", "ID")
FORMATS = [
    pytest.param(Routed(KEY), id="routed"),
    pytest.param(S10(KEY, service="RA", country="MY"), id="s10"),
]


def one_by_one(format: Format, start: int, end: int) -> bytes:
    return "".join(format.encode(serial, SHIPMENT) for serial in range(start, end)).encode("ascii")


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_a_batch_holds_what_encode_writes_serial_by_serial(
    format: Format, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, format.capacity))
    end = data.draw(st.integers(start, min(format.capacity, start + 300)))

    assert one_by_one(format, start, end) == format.encode_many(start, end, SHIPMENT)


@pytest.mark.parametrize("format", FORMATS)
def test_a_batch_reaches_both_ends_of_the_space(format: Format) -> None:
    last = format.capacity

    assert one_by_one(format, 0, 50) == format.encode_many(0, 50, SHIPMENT)
    assert one_by_one(format, last - 50, last) == format.encode_many(last - 50, last, SHIPMENT)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("below, above", [(1, 1), (0, 1)])
def test_a_range_outside_the_space_is_refused(format: Format, below: int, above: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        format.encode_many(format.capacity - below, format.capacity + above, SHIPMENT)
    with pytest.raises(ValueError, match="outside"):
        format.encode_many(-above, below, SHIPMENT)
    with pytest.raises(ValueError, match="outside"):
        format.encode_many(5, 4, SHIPMENT)


def test_an_s10_batch_from_another_country_is_refused() -> None:
    with pytest.raises(ShipmentRefusedError):
        S10(KEY, service="RA", country="MY").encode_many(0, 1, Shipment("SG", "ID"))


def test_halves_too_wide_for_an_array_are_refused() -> None:
    with pytest.raises(ValueError, match="four bytes"):
        FF1(KEY, radix=36, length=14, tweak_length=4).permutation(b"MYID").encrypt_many(0, 1)


def test_threads_that_make_batches_at_once_do_not_disturb_one_another() -> None:
    format = Routed(KEY)
    expected = format.encode_many(0, 20_000, SHIPMENT)
    made: list[bytes] = []

    def make() -> None:
        made.extend(format.encode_many(0, 20_000, SHIPMENT) for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [expected] * 40 == made
