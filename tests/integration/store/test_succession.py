"""Successors are named and series closed: no circle, whoever names at once, and no lease after."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.stores import Stores
from tracking_service.errors import (
    InvalidSeriesError,
    SeriesClosedError,
    SeriesExhaustedError,
    UnknownSeriesError,
)
from tracking_service.numbering.builtin import built_in
from tracking_service.records import SeriesNotice, is_circle, succession_line

HOSTS = 4


@pytest.fixture
def three(stores: Stores) -> Stores:
    """A database with three series of ten serials, each of a space of its own."""
    for name in ("air", "air-2", "air-3"):
        stores.create(name, serials=10, number_space=name)
    return stores


def post(stores: Stores, name: str, country: str) -> None:
    pattern = built_in("s10", {"service": name.upper(), "country": country}, {"MY", "SG"})
    stores.create(name, pattern=pattern)


def test_a_successor_is_named_changed_and_taken_back(three: Stores) -> None:
    series_store = three.series
    assert series_store.find("air").successor is None
    assert [] == series_store.notices()

    series_store.set_successor("air", "air-2")
    assert "air-2" == series_store.find("air").successor
    assert [SeriesNotice("air", "air-2", False, 10)] == series_store.notices()

    series_store.set_successor("air", "air-3")
    assert "air-3" == series_store.find("air").successor

    series_store.set_successor("air", None)
    assert [] == series_store.notices()


def test_a_closed_series_is_offered_only_with_a_successor(three: Stores) -> None:
    series_store = three.series
    series_store.set_successor("air", "air-2")
    series_store.close("air")
    series_store.close("air-3")

    def offered(only: set[str] | None, limit: int = 10) -> list[str]:
        return [each.name for each in series_store.offered(only, limit)]

    assert ["air", "air-2", "default", "small"] == offered(None)
    assert ["air", "air-2"] == offered(None, 2)
    assert ["air-2"] == offered({"air-2", "air-3", "gone"})


@pytest.mark.parametrize("names", [("air", "nil"), ("nil", "air")])
def test_both_series_must_be_there(three: Stores, names: tuple[str, str]) -> None:
    with pytest.raises(UnknownSeriesError, match="'nil'"):
        three.series.set_successor(*names)
    with pytest.raises(UnknownSeriesError, match="'nil'"):
        three.series.set_successor("nil", None)
    with pytest.raises(UnknownSeriesError, match="'nil'"):
        three.series.close("nil")


def test_a_circle_is_refused(three: Stores) -> None:
    three.series.set_successor("air", "air-2")
    three.series.set_successor("air-2", "air-3")

    with pytest.raises(InvalidSeriesError, match="air -> air is a circle"):
        three.series.set_successor("air", "air")
    with pytest.raises(InvalidSeriesError, match="air-3 -> air -> air-2 -> air-3 is a circle"):
        three.series.set_successor("air-3", "air")
    assert three.series.find("air-3").successor is None


def test_of_hosts_that_name_at_once_none_makes_a_circle(stores: Stores) -> None:
    """Each would see nothing of what the others have not committed."""
    names = [f"air-{host}" for host in range(HOSTS)]
    for name in names:
        stores.create(name, number_space=name)
    together = threading.Barrier(HOSTS)

    def name_next(host: int) -> int:
        refused = 0
        with Stores(stores.text) as own:
            for _ in range(6):
                together.wait(30)
                try:
                    own.series.set_successor(names[host], names[(host + 1) % HOSTS])
                except InvalidSeriesError:
                    refused += 1
                together.wait(30)
                if host == 0:
                    for name in names:
                        own.series.set_successor(name, None)
        return refused

    with ThreadPoolExecutor(HOSTS) as pool:
        # One of them would have closed the circle, in each round.
        assert 6 == sum(pool.map(name_next, range(HOSTS)))


def test_leases_go_on_while_a_successor_is_named(three: Stores) -> None:
    store = three.store()
    stop = threading.Event()

    def name_again() -> None:
        with Stores(three.text) as own:
            while not stop.is_set():
                own.series.set_successor("air", "air-2")

    namer = threading.Thread(target=name_again)
    namer.start()
    try:
        for _ in range(50):
            store.lease("default", 1)
    finally:
        stop.set()
        namer.join(30)
    line = succession_line("air", {"air": three.series.find("air").successor})
    assert (["air", "air-2"], False) == (line, is_circle(line))


def test_a_successor_that_refuses_other_shipments_is_refused(stores: Stores) -> None:
    post(stores, "ra", "MY")
    post(stores, "rb", "MY")
    post(stores, "rc", "SG")
    stores.create("any")

    stores.series.set_successor("ra", "rb")

    for first, second, fault in (
        ("ra", "rc", "their origin is SG for rc and MY for ra"),
        ("ra", "any", "their origin is any for any and MY for ra"),
        ("any", "ra", "their origin is MY for ra and any for any"),
    ):
        with pytest.raises(InvalidSeriesError, match=fault):
            stores.series.set_successor(first, second)
    assert "rb" == stores.series.find("ra").successor


def test_nothing_is_leased_from_a_closed_series(three: Stores) -> None:
    store = three.store()
    three.create("more", serials=100, number_space="more")
    store.hand_back("more", [store.lease("more", 1).block])

    three.series.close("more")

    closed_at = three.series.find("more").closed_at
    assert closed_at is not None
    assert [SeriesNotice("more", None, True, 90)] == three.series.notices()
    # Neither the tail nor what the counter has left, nor more than that.
    for blocks in (1, 1000):
        with pytest.raises(SeriesClosedError, match="more is closed and gives no more numbers"):
            store.lease("more", blocks)
    assert 10 == three.counter("more")

    three.series.close("more")
    assert closed_at == three.series.find("more").closed_at


def test_a_successor_is_not_closed_nor_a_closed_series_made_one(three: Stores) -> None:
    three.series.set_successor("air", "air-2")
    with pytest.raises(InvalidSeriesError, match="air-2 is the successor of air"):
        three.series.close("air-2")
    assert three.series.find("air-2").closed_at is None

    three.series.close("air-3")
    with pytest.raises(InvalidSeriesError, match="air-3 is closed"):
        three.series.set_successor("air", "air-3")

    # Those who ask for what is closed get its successor's numbers.
    three.series.close("air")
    with pytest.raises(InvalidSeriesError, match="air-2 is the successor of air"):
        three.series.close("air-2")
    three.series.set_successor("air", None)
    three.series.close("air-2")
    with pytest.raises(SeriesClosedError):
        three.store().lease("air-2", 1)


def test_an_exhausted_series_says_so_before_and_after_it_has_a_successor(three: Stores) -> None:
    store = three.store()
    store.lease("air", 1)
    for successor in (None, "air-2"):
        three.series.set_successor("air", successor)
        with pytest.raises(SeriesExhaustedError, match="air has no serials left"):
            store.lease("air", 1)
